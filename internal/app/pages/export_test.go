package pages

// CheckToken is the first look at a token in a path.
var CheckToken = checkToken

package templates

// Shortcut is a key of the admin and what it does; Href where it leads, when it does.
type Shortcut struct{ Key, Text, Href string }

// Shortcuts is the page that lists the keys, for those without a script too.
type Shortcuts struct{ Desk }

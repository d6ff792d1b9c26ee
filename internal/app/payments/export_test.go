package payments

// What the fuzz targets read by themselves.
var (
	Cursor     = cursor
	ReadCursor = readCursor
	Validate   = validate
)

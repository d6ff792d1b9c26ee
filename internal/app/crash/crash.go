// Package crash names the moments at which the tests kill the real process. In the program that is
// shipped At does nothing, costs nothing and leaves no name behind; only a build with the tag
// crashpoints kills itself, and only where CHECKOUT_CRASH_AT says.
//
// A name is a string literal, stands in one place, and says the room and the moment. Every name is
// in the table of internal/app/crashtest/table_test.go with the story that leads there: a new one
// without a story fails the tests.
package crash

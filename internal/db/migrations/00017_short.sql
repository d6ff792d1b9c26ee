-- +goose Up
-- Events are written in short forms from here on (eventforms.go). No row changes and no table does; the
-- number alone keeps programs away that would not understand what is written.
SELECT 1;

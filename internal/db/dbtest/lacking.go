package dbtest

import (
	"database/sql"
	"net/url"
	"strings"
	"testing"
)

// Lacking gives the URL of a PostgreSQL database in which functions that other databases do not have stand in the
// way of its own. how is what they do: "0A000" or "42883" is the error that they answer with; "pretend" lets
// advisory locks succeed without locking anything, and answers the others with 42883, as CockroachDB does.
func Lacking(t testing.TB, direct, how string) string {
	t.Helper()
	admin, err := sql.Open("pgx", direct)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close() }()
	for _, f := range []struct{ name, returns string }{
		{"pg_try_advisory_lock(INTEGER, INTEGER)", "BOOLEAN"},
		{"pg_try_advisory_lock(BIGINT)", "BOOLEAN"},
		{"pg_try_advisory_lock_shared(INTEGER, INTEGER)", "BOOLEAN"},
		{"pg_try_advisory_xact_lock(INTEGER, INTEGER)", "BOOLEAN"},
		{"pg_advisory_unlock(BIGINT)", "BOOLEAN"},
		{"pg_advisory_unlock_shared(INTEGER, INTEGER)", "BOOLEAN"},
		{"pg_advisory_xact_lock(INTEGER, INTEGER)", "VOID"},
		{"pg_control_system(OUT system_identifier BIGINT)", ""},
		{"pg_walfile_name(PG_LSN)", "TEXT"},
		{"pg_current_wal_lsn()", "PG_LSN"},
		{"pg_is_in_recovery()", "BOOLEAN"},
	} {
		text := "CREATE FUNCTION public." + f.name
		if f.returns != "" {
			text += " RETURNS " + f.returns
		}
		code := how
		if how == "pretend" {
			code = "42883"
		}
		if how == "pretend" && strings.Contains(f.name, "advisory") && f.returns == "BOOLEAN" {
			text += " LANGUAGE sql AS 'SELECT true'"
		} else {
			text += " LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION USING ERRCODE = ''" + code + "'', MESSAGE = ''not here''; END'"
		}
		if _, err := admin.Exec(text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	u, err := url.Parse(direct)
	if err != nil {
		t.Fatal(err)
	}
	values := u.Query()
	values.Set("search_path", "public,pg_catalog") // named, it comes second
	u.RawQuery = values.Encode()
	return u.String()
}

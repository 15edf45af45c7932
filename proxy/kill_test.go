package proxy

import (
	"strconv"
	"testing"
)

// TestParseKill recognizes the forms with a number, and only those.
func TestParseKill(t *testing.T) {
	for sql, want := range map[string]killing{
		"KILL 5": {prefix: "KILL ", id: 5}, " kill  query\t77 ; ": {prefix: "kill  query\t", query: true, id: 77},
		"kill connection 4294967295": {prefix: "kill connection ", id: 4294967295}, "KILL HARD QUERY 9": {prefix: "KILL HARD QUERY ", query: true, id: 9},
		"/* c */ kill/**/query 6 -- end": {prefix: "kill query ", query: true, id: 6}, "# a\nKILL 7": {prefix: "KILL ", id: 7},
	} {
		if got, ok := parseKill([]byte(sql)); !ok || got != want {
			t.Errorf("%q: %+v %v", sql, got, ok)
		}
	}
	for _, sql := range []string{"", "kill", "killer 5", "kill user x", "kill query id 5", "kill 4294967296", "kill -1", "kill 1+1", "kill 5; drop table x", "kill query soft 5", "select 5", "/*! kill */ 5", "kill /*M! 5 */", "/* kill 5 */", "-- kill 5", "kill --5"} {
		if got, ok := parseKill([]byte(sql)); ok {
			t.Errorf("%q: %+v", sql, got)
		}
	}
}

// TestKillRights: own sessions, or an administrator's any.
func TestKillRights(t *testing.T) {
	s, _ := startOnFake(t, mariaVersion, Config{Users: append([]User{{Name: "other", Password: "secret"}}, testUsers...)})
	dialApp(t, s)
	victim := s.Sessions()[0]
	as := func(user string) *rawClient { return dialRaw(t, s.Addr().String(), user, "secret", "", baseCaps) }
	kill := append([]byte("kill "), strconv.FormatUint(uint64(victim.ID()), 10)...)
	if e := as("other").fails(step{name: "kill", cmd: 3, arg: kill}); e.Code != codeKillDenied {
		t.Errorf("%v", e)
	}
	if p := as("root").oneQuery(step{name: "kill", cmd: 3, arg: kill}); p[4] != 0 {
		t.Errorf("%q", p)
	}
	eventually(t, "it is dead", func() bool { return s.Session(victim.ID()) == nil })
}

package apps

import (
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

// wordpressFiles is where Debian's package wordpress puts them.
const wordpressFiles = "/usr/share/wordpress"

// posts is how many posts the script writes, comments on, edits and deletes.
// With SHOCK_ABSORBER_SOAK there are ten times as many.
const posts = 6

// wordpressMasks hide what differs between two runs of the script.
var wordpressMasks = []mask{
	{where: regexp.MustCompile(`option_name="cron" option_value="[^\n]*" autoload`), do: events, reason: "cron groups its events by the second in which they were entered"},
	{where: regexp.MustCompile(`\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d`), with: "(date)", reason: "dates of posts, comments, users"},
	{where: regexp.MustCompile(`/20\d\d/\d\d/(\d\d/)?`), with: "/(day)/", reason: "the day in a permalink, if midnight passes between the runs"},
	{where: regexp.MustCompile(`\b1[789]\d{8}(\.\d+)?\b`), with: "(time)", reason: "Unix times: transients, edit locks, sessions"},
	{where: regexp.MustCompile(`\$P\$[./0-9A-Za-z]{31}`), with: "(hash)", reason: "a password's hash has a random salt"},
	{where: regexp.MustCompile(`meta_key="session_tokens" meta_value="[^\n]*"`), with: `meta_key="session_tokens" meta_value="(tokens)"`, reason: "the keys of login sessions are random"},
	{where: regexp.MustCompile(`moderation-hash=[0-9a-f]{32}`), with: "moderation-hash=(hash)", reason: "a hash of the comment's date"},
}

// hook is an event of cron.
var hook = regexp.MustCompile(`\\"([a-z_]+)\\";a:1:`)

// events are the events of the option cron, sorted.
func events(line string) string {
	var names []string
	for _, m := range hook.FindAllStringSubmatch(line, -1) {
		names = append(names, m[1])
	}
	slices.Sort(names)
	return fmt.Sprintf(`option_name="cron" option_value=(%s) autoload`, strings.Join(names, " "))
}

// wordpressConfig is what an administrator writes: where the database is, and
// the keys. Background requests of the site to itself and to others are off, so
// that both runs do the same; the script calls wp-cron.php as a system's cron
// would.
const wordpressConfig = `<?php
define('DB_NAME', getenv('WP_DATABASE'));
define('DB_USER', 'app');
define('DB_PASSWORD', getenv('WP_PASSWORD'));
define('DB_HOST', getenv('WP_HOST'));
define('DB_CHARSET', 'utf8mb4');
define('DB_COLLATE', '');
define('AUTH_KEY', 'k1'); define('SECURE_AUTH_KEY', 'k2'); define('LOGGED_IN_KEY', 'k3'); define('NONCE_KEY', 'k4');
define('AUTH_SALT', 's1'); define('SECURE_AUTH_SALT', 's2'); define('LOGGED_IN_SALT', 's3'); define('NONCE_SALT', 's4');
define('DISABLE_WP_CRON', true);
define('WP_HTTP_BLOCK_EXTERNAL', true);
define('AUTOMATIC_UPDATER_DISABLED', true);
$table_prefix = 'wp_';
require_once ABSPATH . 'wp-settings.php';
`

// TestWordPress installs WordPress and uses it by HTTP, straight at MariaDB and
// through the proxy with all its tables absorbed. It answers the same, and both
// databases hold the same in the end.
func TestWordPress(t *testing.T) {
	db := servertest.MariaDB(t)
	installed(t, filepath.Join(wordpressFiles, "wp-settings.php"), "wordpress wordpress-theme-twentytwentythree")
	installed(t, filepath.Join(wordpressFiles, "wp-content/themes/twentytwentythree/style.css"), "wordpress-theme-twentytwentythree")
	n := posts
	if os.Getenv("SHOCK_ABSORBER_SOAK") != "" {
		n *= 10
	}
	root := filepath.Join(t.TempDir(), "wordpress")
	if out, err := exec.Command("cp", "-a", wordpressFiles, root).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.WriteFile(filepath.Join(root, "wp-config.php"), []byte(wordpressConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	// One address for both runs: it gets into the tables.
	addr := servertest.FreeAddr(t)
	direct, absorbed := db.Database(t), db.Database(t)
	pool := db.Open(t, "")

	before := programWrites(t, pool)
	want, took := serveAndUse(t, root, addr, db.Addr, db.Password, direct, n)
	writes := programWrites(t, pool) - before
	p := startProxy(t, db, absorbed)
	got, through := serveAndUse(t, root, addr, p.addr, db.Password, absorbed, n)
	t.Logf("%d requests directly in %v, through the proxy in %v", len(requests.FindAllString(want, -1)), took.Round(time.Millisecond), through.Round(time.Millisecond))
	logStatements(t, p.statements(t), writes)
	logTables(t, p.pool)
	p.drain(t)
	t.Run("answers", func(t *testing.T) { compare(t, want, got) })
	t.Run("tables", func(t *testing.T) {
		tables := dump(t, pool, direct, wordpressMasks)
		if strings.Count(tables, "table wp_") != 12 || !strings.Contains(tables, "post 1 is edited") {
			t.Errorf("the script did not fill the tables:\n%.4000s", tables)
		}
		compare(t, tables, dump(t, pool, absorbed, wordpressMasks))
	})
}

// requests are the lines of a transcript that name one.
var requests = regexp.MustCompile(`(?m)^(GET|POST|DELETE) `)

// serveAndUse runs PHP's web server with WordPress in it, and the script.
func serveAndUse(t *testing.T, root, addr, host, password, database string, posts int) (transcript string, took time.Duration) {
	t.Helper()
	cmd := exec.Command("php", "-d", "display_errors=1", "-d", "sendmail_path=/bin/true", "-S", addr, "-t", root)
	cmd.Env = append(os.Environ(), "PHP_CLI_SERVER_WORKERS=3", "WP_HOST="+host, "WP_PASSWORD="+password, "WP_DATABASE="+database)
	cmd.Dir = root
	server := startProgram(t, cmd)
	defer server.stop()
	until(t, "PHP's web server", func() error {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			err = c.Close()
		}
		return err
	})
	s := newSite(t, "http://"+addr)
	began := time.Now()
	s.use(posts)
	took = time.Since(began)
	output := server.output(t)
	if strings.Contains(output, "WordPress database error") || strings.Contains(output, "PHP Fatal") {
		t.Errorf("WordPress complains on %s:\n%s", host, output[max(0, len(output)-8<<10):])
	}
	return s.transcript.String(), took
}

// logTables logs which tables are absorbed.
func logTables(t *testing.T, pool *sql.DB) {
	t.Helper()
	rows, err := pool.Query("SELECT * FROM shock_absorber.tables")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	values, into := make([]sql.NullString, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		line := ""
		for i, v := range values {
			line += fmt.Sprintf(" %s=%s", columns[i], v.String)
		}
		t.Log(line)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

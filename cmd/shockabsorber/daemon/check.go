package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/go-mysql-org/go-mysql/client"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
)

// checkTimeout bounds each part of a check.
const checkTimeout = 30 * time.Second

// Check connects to everything the configuration names and writes what it
// finds to w: one line for each part, then one for each table. It changes
// nothing. The error joins what would keep the proxy from working.
func Check(ctx context.Context, cfg *config.Config, w io.Writer) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	report := func(part, result, text string) { fmt.Fprintf(out, "%s\t%s\t%s\n", part, result, text) }
	var errs []error
	judge := func(part, good string, err error) {
		if err != nil {
			report(part, "FAILED", err.Error())
			errs = append(errs, fmt.Errorf("%s: %w", part, err))
			return
		}
		report(part, "ok", good)
	}
	report("configuration", "ok", "")
	p, err := assemble(cfg, &Options{})
	if err != nil {
		return err
	}
	defer p.close()

	catalog, err := p.checkMySQL(ctx)
	good := ""
	if catalog != nil {
		_, addr := backendAddress(&cfg.Database)
		good = fmt.Sprintf("%s at %s as %s", catalog.ServerVersion(), addr, cfg.Database.Username)
	}
	judge("MySQL", good, err)
	err = p.checkRedis(ctx, func(warning string) { report("Redis", "warning", warning) })
	judge("Redis", fmt.Sprint(cfg.KVStore.Endpoints), err)
	if p.kafka != nil {
		judge("Kafka", fmt.Sprint(cfg.WriteBack.Kafka.Brokers), p.checkKafka(ctx))
	} else {
		report("Kafka", "not used", fmt.Sprintf("queue_type = %q", cfg.WriteBack.QueueType))
	}
	if err := p.reportDurability(ctx, report); err != nil {
		judge("durability", "", err)
	}
	if catalog != nil {
		reportTables(cfg, catalog, report)
	}
	return errors.Join(append(errs, out.Flush())...)
}

// checkMySQL logs in and reads the schema.
func (p *parts) checkMySQL(ctx context.Context) (*schema.Catalog, error) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	conn, err := p.dial(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })()
	if _, err := conn.Execute("SET NAMES utf8mb4"); err != nil {
		return nil, fmt.Errorf("prepare the session: %w", err)
	}
	return schema.Load(queryer{conn}, schema.Match(p.cfg.Patterns()), schema.Options{CollationExact: row.CollationExact,
		Lane: func(n schema.Name) string { s, _ := p.cfg.TableFor(n.DB, n.Table); return s.Lane }})
}

// queryer lets the schema be read over a connection of this package.
type queryer struct{ conn *client.Conn }

// Query runs one statement and copies its rows; nil is NULL.
func (q queryer) Query(sql string) ([][][]byte, error) {
	res, err := q.conn.Execute(sql)
	if err != nil {
		return nil, err
	}
	defer res.Close()
	if res.Resultset == nil {
		return nil, nil
	}
	rows := make([][][]byte, res.RowNumber())
	for i := range rows {
		rows[i] = make([][]byte, res.ColumnNumber())
		for j := range rows[i] {
			null, err := res.IsNull(i, j)
			if err != nil {
				return nil, err
			}
			if null {
				continue
			}
			text, err := res.GetString(i, j)
			if err != nil {
				return nil, err
			}
			rows[i][j] = []byte(text)
		}
	}
	return rows, nil
}

// checkRedis asks Redis for its version and settings.
func (p *parts) checkRedis(ctx context.Context, warn func(string)) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	warnings, err := p.lookAtRedis(ctx)
	for _, w := range warnings {
		warn(w)
	}
	return err
}

// checkKafka asks the brokers whether the topic is there or could be made.
func (p *parts) checkKafka(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	return p.kafka.Check(ctx)
}

// reportTables says of each configured table whether it would be absorbed, and
// of each name or glob whether it names any.
func reportTables(cfg *config.Config, catalog *schema.Catalog, report func(part, result, text string)) {
	for _, text := range catalog.Warnings() {
		report("schema", "warning", text)
	}
	for _, t := range catalog.Tables() {
		result := "absorbed"
		if !t.Absorbable() {
			result = "passed on"
		}
		report(t.Name.String(), result, t.Explain())
	}
	for _, pattern := range cfg.Patterns() {
		names := schema.Match([]string{pattern})
		found := false
		for _, t := range catalog.Tables() {
			found = found || names(t.Name)
		}
		if !found {
			report(pattern, "warning", "names no table (yet)")
		}
	}
	if len(cfg.Tables) == 0 {
		report("tables", "warning", "none is configured: nothing would be absorbed")
	}
}

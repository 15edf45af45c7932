package audit

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-mysql-org/go-mysql/client"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
)

// pageRows is how many rows one statement or one call asks for.
const pageRows = 256

// database is one connection to MySQL, with the session in which row images
// are defined.
type database struct{ conn *client.Conn }

// prepare sets the session.
func prepare(ctx context.Context, conn *client.Conn) (*database, error) {
	d := &database{conn}
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })
	for _, s := range []string{
		"SET NAMES utf8mb4",
		"SET time_zone = '+00:00', sql_mode = 'NO_BACKSLASH_ESCAPES', autocommit = 1",
		"SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
	} {
		if _, err := d.Query(s); err != nil {
			d.close()
			return nil, fmt.Errorf("prepare the session: %w", err)
		}
	}
	return d, nil
}

// close ends the connection.
func (d *database) close() { _ = d.conn.Close() }

// Query runs one statement and copies its rows; nil is NULL.
func (d *database) Query(sql string) ([][][]byte, error) {
	res, err := d.conn.Execute(sql)
	if err != nil {
		return nil, err
	}
	defer res.Close()
	if res.Resultset == nil {
		return nil, nil
	}
	rows := make([][][]byte, 0, len(res.RowDatas))
	for _, data := range res.RowDatas {
		im, err := row.DecodeImage(bytes.Clone(data), len(res.Fields))
		if err != nil {
			return nil, fmt.Errorf("read a row from MySQL: %w", err)
		}
		rows = append(rows, im)
	}
	return rows, nil
}

// checkpoint is a lane's row, and whether there is one.
type checkpoint struct {
	epoch, lsn  uint64
	incarnation string
	there       bool
}

// checkpoint reads the lane's row.
func (d *database) checkpoint(lane row.Lane) (c checkpoint, err error) {
	rows, err := d.Query("SELECT epoch, lsn, incarnation FROM shock_absorber.checkpoint WHERE lane = " + sink.QuoteText(string(lane)))
	if err != nil {
		return c, fmt.Errorf("read the checkpoint: %w", err)
	}
	if len(rows) == 0 {
		return c, nil
	}
	c.there, c.incarnation = true, string(rows[0][2])
	if c.epoch, err = strconv.ParseUint(string(rows[0][0]), 10, 64); err == nil {
		c.lsn, err = strconv.ParseUint(string(rows[0][1]), 10, 64)
	}
	return c, err
}

// snapshot runs f in a consistent snapshot, with the lane's checkpoint in it.
func (d *database) snapshot(lane row.Lane, f func(c checkpoint) error) error {
	if _, err := d.Query("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"); err != nil {
		return fmt.Errorf("open a snapshot: %w", err)
	}
	c, err := d.checkpoint(lane)
	if err == nil {
		err = f(c)
	}
	if _, end := d.Query("ROLLBACK"); err == nil {
		err = end
	}
	return err
}

// rows reads the rows with these primary keys; what MySQL does not have is
// missing in the answer.
func (d *database) rows(t *schema.Table, keys []row.Image) (map[row.Key]row.Image, error) {
	out := make(map[row.Key]row.Image, len(keys))
	for len(keys) > 0 {
		n := min(len(keys), pageRows)
		sql, err := selectRows(t, keys[:n])
		if err != nil {
			return nil, err
		}
		rows, err := d.Query(sql)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", t.Name, err)
		}
		for _, im := range rows {
			for i := range t.Columns {
				if t.Columns[i].Type == schema.Float && im[i] != nil {
					f, err := strconv.ParseFloat(string(im[i]), 64)
					if err != nil {
						return nil, fmt.Errorf("read %s: %w", t.Name, err)
					}
					im[i] = row.FormatFloat32(float32(f))
				}
			}
			ref, err := row.IndexRef(t, im)
			if err != nil {
				return nil, fmt.Errorf("read %s: %w", t.Name, err)
			}
			out[ref.Key] = im
		}
		keys = keys[n:]
	}
	return out, nil
}

// selectRows asks for whole rows by primary key. The text of a FLOAT has 6
// digits: as a double it has all.
func selectRows(t *schema.Table, keys []row.Image) (string, error) {
	var columns []string
	for i := range t.Columns {
		name := sink.QuoteName(t.Columns[i].Name)
		if t.Columns[i].Type == schema.Float {
			name = "(" + name + "*1e0)"
		}
		columns = append(columns, name)
	}
	var where []string
	for _, im := range keys {
		var parts []string
		for _, c := range t.Primary.Columns {
			lit, err := sink.AppendLiteral(nil, &t.Columns[c], im[c])
			if err != nil {
				return "", fmt.Errorf("read %s: %w", t.Name, err)
			}
			parts = append(parts, sink.QuoteName(t.Columns[c].Name)+"="+string(lit))
		}
		where = append(where, "("+strings.Join(parts, " AND ")+")")
	}
	return fmt.Sprintf("SELECT %s FROM %s.%s WHERE %s", strings.Join(columns, ","), sink.QuoteName(t.Name.DB), sink.QuoteName(t.Name.Table), strings.Join(where, " OR ")), nil
}

// primary prints the primary key of an image.
func primary(t *schema.Table, im row.Image) string {
	var parts []string
	for _, c := range t.Primary.Columns {
		if c < len(im) {
			parts = append(parts, t.Columns[c].Name+"="+strconv.Quote(string(im[c])))
		}
	}
	return strings.Join(parts, ",")
}

// differing names the columns in which two images differ.
func differing(t *schema.Table, a, b row.Image) string {
	if len(a) != len(b) || len(a) != len(t.Columns) {
		return fmt.Sprintf("%d and %d columns", len(a), len(b))
	}
	var names []string
	for i := range a {
		if (a[i] == nil) != (b[i] == nil) || !bytes.Equal(a[i], b[i]) {
			names = append(names, t.Columns[i].Name)
		}
	}
	return "column " + strings.Join(names, ", ")
}

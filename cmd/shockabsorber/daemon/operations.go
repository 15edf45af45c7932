package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber"
	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
	"github.com/rzpsarthak13/shock-absorber/proxy/admin"
)

const (
	maxDumpBytes = 8 << 20 // of units in one page of a dump
	maxPending   = 1000    // rows of one table in shock_absorber.pending
)

// operations is what the admin listener may do; nil when nothing is absorbed.
func (p *parts) operations() *admin.Operations {
	if p.engine == nil {
		return nil
	}
	return &admin.Operations{
		Letters: p.listLetters,
		Letter:  p.showLetter,
		Ask: func(ctx context.Context, a admin.Ask) (admin.Request, error) {
			return p.askFor(ctx, a, askWait)
		},
		Request: p.request,
		Pause:   p.pauseLanes,
		Dump:    p.dump,
		Skip:    p.skip,
	}
}

// pauseLanes stops or restarts the draining of one lane, or of all.
func (p *parts) pauseLanes(ctx context.Context, name string, pause bool) error {
	lanes := p.lanes()
	if name != "" {
		lane, err := p.laneNamed(name)
		if err != nil {
			return err
		}
		lanes = []row.Lane{lane}
	}
	for _, lane := range lanes {
		if err := p.store.SetPaused(ctx, lane, pause); err != nil {
			return err
		}
	}
	return nil
}

// dump reads pending units of a lane. Those that drain meanwhile are left out.
func (p *parts) dump(ctx context.Context, name string, after row.LSN, most int) (*admin.Dump, error) {
	if name == "" {
		name = string(p.lanes()[0])
	}
	lane, err := p.laneNamed(name)
	if err != nil {
		return nil, err
	}
	out := &admin.Dump{Lane: lane, Units: []admin.DumpUnit{}}
	var recs []wal.Record
	for {
		progress, err := p.store.Progress(ctx, lane)
		if err != nil {
			return nil, err
		}
		if out.Next = max(after, progress.Settled); out.Next >= progress.LSN {
			return out, nil
		}
		recs, err = p.store.Tail(ctx, lane, out.Next, most, 0)
		if err == nil {
			break
		}
		// What was trimmed between the two calls has been settled.
		if now, perr := p.store.Progress(ctx, lane); !errors.Is(err, wal.ErrTrimmed) || perr != nil || now.Settled <= out.Next {
			return nil, err
		}
	}
	out.More = len(recs) == most
	size := 0
	for i := range recs {
		if size += len(recs[i].Data); size > maxDumpBytes && i > 0 {
			out.More = true
			break
		}
		out.Units = append(out.Units, p.dumpUnit(&recs[i]))
		out.Next = recs[i].LSN
	}
	return out, nil
}

// dumpUnit gives one unit as SQL.
func (p *parts) dumpUnit(rec *wal.Record) admin.DumpUnit {
	out := admin.DumpUnit{LSN: rec.LSN, SQL: []string{}}
	u, err := wal.Decode(rec.Data)
	if err == nil {
		out.Accepted = time.UnixMilli(u.AcceptedMs)
		u.LSN = rec.LSN
		var text []string
		if text, err = absorber.Text(u, p.engine.TableAt); err == nil {
			out.SQL = text
		}
	}
	if err != nil {
		out.Error = err.Error()
	}
	return out
}

// listPending lists rows that wait for MySQL, up to maxPending of each table.
func (p *parts) listPending(ctx context.Context) ([]admin.Pending, error) {
	var out []admin.Pending
	catalog := p.engine.Catalog()
	for _, t := range catalog.Tables() {
		if catalog.Absorbed(t.Name) == nil {
			continue
		}
		name := t.Name.String()
		lane := p.options(name).Lane
		rows, err := p.store.Pending(ctx, lane, name, maxPending)
		if err != nil {
			return nil, err
		}
		keys, err := p.keyTexts(ctx, lane, name, rows)
		if err != nil {
			return nil, err
		}
		for i, r := range rows {
			out = append(out, admin.Pending{Lane: lane, Table: name, Key: keys[i], LSN: r.LSN})
		}
	}
	return out, nil
}

// keyTexts prints the primary keys of pending rows: the values where the cache
// shows the row, else (it is deleted, or has just drained) the encoded key.
func (p *parts) keyTexts(ctx context.Context, lane row.Lane, table string, pending []wal.PendingRow) ([]string, error) {
	out := make([]string, len(pending))
	if len(pending) == 0 {
		return out, nil
	}
	keys := make([]wal.RowKey, len(pending))
	for i := range pending {
		keys[i] = pending[i].RowKey
		out[i] = fmt.Sprintf("encoded 0x%X", string(keys[i].Key))
	}
	states, err := p.store.TableStates(ctx, lane, []string{table})
	if err != nil {
		return nil, err
	}
	rows, err := p.store.Read(ctx, lane, states[0].TableState, keys, false)
	if errors.Is(err, wal.ErrGated) || errors.Is(err, wal.ErrStaleTable) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	for i := range rows {
		t := p.engine.TableAt(table, rows[i].Schema)
		if t == nil || !rows[i].Found || rows[i].Tombstone {
			continue
		}
		im, err := row.DecodeImage(rows[i].Image, len(t.Columns))
		if err != nil {
			continue
		}
		var values []string
		for _, c := range t.Primary.Columns {
			var lit []byte
			if lit, err = sink.AppendLiteral(nil, &t.Columns[c], im[c]); err == nil {
				values = append(values, string(bytes.ToValidUTF8(lit, []byte("?"))))
			}
		}
		out[i] = strings.Join(values, ", ")
	}
	return out, nil
}

package sink

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// Skipped is a range of acknowledged units that were missing and that an
// operator has given up. The requests that say so are never purged.
type Skipped struct {
	Request  uint64
	From, To row.LSN // inclusive
	By       string
	At       time.Time // when it was asked for
}

// Units is how many they are.
func (s Skipped) Units() uint64 { return uint64(s.To-s.From) + 1 }

// AskSkip writes down that the lane shall go on behind to although units up to
// it are missing.
func (s *Sink) AskSkip(ctx context.Context, lane row.Lane, to row.LSN, by string) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sql := fmt.Appendf(nil, "INSERT INTO %s.requests (lane,verb,letter,asked_by,argument,result) VALUES (%s,%s,0,",
		appendName(nil, s.cfg.Database), QuoteText(string(lane)), QuoteText(VerbSkip))
	sql = append(appendQuoted(sql, clip(by, 250)), ',')
	sql = append(appendBinary(sql, []byte(to.String())), ",'')"...)
	rs, err := s.run(ctx, opAsk, sql)
	if err != nil {
		return 0, wrap(opAsk, lane, to, fmt.Errorf("write the request down: %w", err))
	}
	return rs[0].InsertId, nil
}

// SkippedUnits lists what was given up of the lane, oldest first.
func (s *Sink) SkippedUnits(ctx context.Context, lane row.Lane) ([]Skipped, error) {
	reqs, err := s.requests(ctx, "r.lane="+QuoteText(string(lane))+" AND r.verb='"+VerbSkip+"' AND r.state='done' ORDER BY r.id")
	if err != nil {
		return nil, err
	}
	var out []Skipped
	for i := range reqs {
		r := &reqs[i]
		if from, to, ok := ParseSkipped(r.Touched); ok {
			out = append(out, Skipped{Request: r.ID, From: from, To: to, By: r.By, At: r.Created})
		}
	}
	return out, nil
}

// AppendSkipped encodes a range of units for Request.Touched.
func AppendSkipped(from, to row.LSN) []byte { return []byte(from.String() + "-" + to.String()) }

// ParseSkipped is the inverse of AppendSkipped.
func ParseSkipped(touched []byte) (from, to row.LSN, ok bool) {
	a, b, ok := strings.Cut(string(touched), "-")
	f, ferr := strconv.ParseUint(a, 10, 64)
	t, terr := strconv.ParseUint(b, 10, 64)
	return row.LSN(f), row.LSN(t), ok && ferr == nil && terr == nil && 0 < f && f <= t
}

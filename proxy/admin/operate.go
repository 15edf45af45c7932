package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strconv"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// operate adds the paths of Operations.
func (s *Server) operate(mux *http.ServeMux) {
	o := s.cfg.Operations
	if o == nil {
		return
	}
	read := func(path string, f func(ctx context.Context, r *http.Request) (any, error)) {
		mux.Handle("GET "+path, s.authorized(s.answer(f)))
	}
	write := func(path string, f func(ctx context.Context, r *http.Request) (any, error)) {
		mux.Handle("POST "+path, s.authorized(deliberate(s.answer(f))))
	}
	read("/api/deadletters", func(ctx context.Context, _ *http.Request) (any, error) {
		letters, err := o.Letters(ctx)
		if letters == nil {
			letters = []Letter{}
		}
		return letters, err
	})
	read("/api/deadletters/{id}", func(ctx context.Context, r *http.Request) (any, error) {
		id, err := number64(r.PathValue("id"))
		if err != nil {
			return nil, err
		}
		return o.Letter(ctx, id)
	})
	read("/api/requests/{id}", func(ctx context.Context, r *http.Request) (any, error) {
		id, err := number64(r.PathValue("id"))
		if err != nil {
			return nil, err
		}
		return o.Request(ctx, id)
	})
	read("/api/wal", o.dump)
	write("/api/deadletters/{id}/{verb}", o.ask)
	write("/api/pause", func(ctx context.Context, r *http.Request) (any, error) { return o.pause(ctx, r, true) })
	write("/api/resume", func(ctx context.Context, r *http.Request) (any, error) { return o.pause(ctx, r, false) })
	write("/api/skip", o.skip)
}

// skip answers /api/skip.
func (o *Operations) skip(ctx context.Context, r *http.Request) (any, error) {
	var s Skip
	if err := body(r, &s); err != nil {
		return nil, err
	}
	if s.Lane == "" || s.To == 0 {
		return nil, fmt.Errorf("%w: name the lane, and the last of the units that are missing", ErrInvalid)
	}
	return o.Skip(ctx, s)
}

// ask answers a request about a dead letter.
func (o *Operations) ask(ctx context.Context, r *http.Request) (any, error) {
	var a Ask
	id, err := number64(r.PathValue("id"))
	if err == nil {
		err = body(r, &a)
	}
	if err != nil {
		return nil, err
	}
	switch a.Verb, a.Letter = r.PathValue("verb"), id; a.Verb {
	case "retry", "discard", "edit":
		return o.Ask(ctx, a)
	}
	return nil, fmt.Errorf("%w: there are retry, discard and edit, not %q", ErrNotFound, a.Verb)
}

// pause answers /api/pause and /api/resume, whose body is {} or {"lane": "main"}.
func (o *Operations) pause(ctx context.Context, r *http.Request, pause bool) (any, error) {
	var which struct {
		Lane string `json:"lane"`
	}
	if err := body(r, &which); err != nil {
		return nil, err
	}
	return struct{}{}, o.Pause(ctx, which.Lane, pause)
}

// maxDump bounds a page of the WAL, in units.
const maxDump = 1000

// dump answers /api/wal?lane=main&after=0&limit=100.
func (o *Operations) dump(ctx context.Context, r *http.Request) (any, error) {
	q := r.URL.Query()
	after, err := optional(q, "after", 0)
	if err != nil {
		return nil, err
	}
	limit, err := optional(q, "limit", maxDump)
	if err != nil {
		return nil, err
	}
	return o.Dump(ctx, q.Get("lane"), row.LSN(after), int(min(max(limit, 1), maxDump)))
}

// optional reads a number of a query.
func optional(q url.Values, name string, otherwise uint64) (uint64, error) {
	if !q.Has(name) {
		return otherwise, nil
	}
	return number64(q.Get(name))
}

// number64 reads a number of a path or query.
func number64(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: %q is no number", ErrInvalid, text)
	}
	return n, nil
}

// body reads a request's JSON.
func body(r *http.Request, into any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%w: the body is not the JSON expected: %w", ErrInvalid, err)
	}
	return nil
}

// answer answers with what f gives, as JSON.
func (s *Server) answer(f func(ctx context.Context, r *http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
		defer cancel()
		v, err := f(ctx, r)
		switch {
		case errors.Is(err, ErrNotFound):
			text(w, http.StatusNotFound, err.Error())
		case errors.Is(err, ErrInvalid):
			text(w, http.StatusBadRequest, err.Error())
		case err != nil:
			text(w, http.StatusServiceUnavailable, err.Error())
		default:
			writeJSON(w, v)
		}
	})
}

// writeJSON answers v.
func writeJSON(w http.ResponseWriter, v any) {
	out, err := json.Marshal(v)
	if err != nil {
		text(w, http.StatusInternalServerError, err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(out, '\n')) // a client that has gone needs no answer
}

// deliberate lets through only what a web page of another site cannot send: a
// body of type application/json needs the consent of this server (CORS), which
// it never gives. Browsers also say where a request comes from.
func deliberate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil || kind != "application/json" {
			text(w, http.StatusUnsupportedMediaType, "send a body of Content-Type application/json")
			return
		}
		site := r.Header.Get("Sec-Fetch-Site")
		if site != "" && site != "same-origin" && site != "none" || !ownOrigin(r) {
			text(w, http.StatusForbidden, "this request comes from another site")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ownOrigin reports whether the request's Origin, if it has one, is this server.
func ownOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host == r.Host
}

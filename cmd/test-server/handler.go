package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"
)

// requestTimeout bounds what one request may ask of the database.
const requestTimeout = 20 * time.Second

// handler is the API.
type handler struct {
	store *store
	log   *slog.Logger
}

// newHandler routes the requests.
func newHandler(s *store, log *slog.Logger) http.Handler {
	h := &handler{store: s, log: log}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /payment", h.create)
	mux.HandleFunc("GET /payment/{id}", func(w http.ResponseWriter, r *http.Request) {
		h.get(w, r, h.store.byID, r.PathValue("id"))
	})
	mux.HandleFunc("GET /payment/reference/{ref}", func(w http.ResponseWriter, r *http.Request) {
		h.get(w, r, h.store.byReference, r.PathValue("ref"))
	})
	mux.HandleFunc("GET /health", h.health)
	return mux
}

// create answers POST /payment.
func (h *handler) create(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
	defer cancel()
	p, err := parsePayment(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		h.answer(w, http.StatusBadRequest, failure{err.Error()})
		return
	}
	if err := h.store.insert(ctx, p); err != nil {
		h.fail(w, r, err)
		return
	}
	w.Header().Set("Location", "/payment/"+p.ID)
	h.answer(w, http.StatusCreated, p)
}

// get answers with the payment that find finds.
func (h *handler) get(w http.ResponseWriter, r *http.Request, find func(context.Context, string) (*payment, error), key string) {
	ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
	defer cancel()
	p, err := find(ctx, key)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	h.answer(w, http.StatusOK, p)
}

// health answers GET /health.
func (h *handler) health(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
	defer cancel()
	if err := h.store.ping(ctx); err != nil {
		h.fail(w, r, err)
		return
	}
	h.answer(w, http.StatusOK, map[string]string{"status": "ok"})
}

// failure is the body of an error.
type failure struct {
	Error string `json:"error"`
}

// fail answers with the status an error stands for. What the database said
// goes to the log, not to the client.
func (h *handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, errNotFound):
		h.answer(w, http.StatusNotFound, failure{err.Error()})
	case errors.Is(err, errDuplicate):
		h.answer(w, http.StatusConflict, failure{err.Error()})
	default:
		h.log.Error("request failed", "method", r.Method, "route", r.Pattern, "error", err)
		h.answer(w, http.StatusInternalServerError, failure{"the database could not do that, see the log of the server"})
	}
}

// answer writes body as JSON.
func (h *handler) answer(w http.ResponseWriter, code int, body any) {
	b, err := json.Marshal(body)
	if err != nil {
		h.log.Error("encode the answer", "error", err)
		code, b = http.StatusInternalServerError, []byte(`{"error":"the answer could not be encoded"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(append(b, '\n')) // a client that has gone needs no answer
}

package wire

import "io"

// Writer gives packets to one side of a connection. It collects them and
// writes when it holds 32 KiB or is flushed, so that a response is one
// write. After a Flush it holds no buffer.
type Writer struct {
	// Seq is the sequence id of the next packet.
	Seq byte

	dst  io.Writer
	buf  []byte // borrowed; nil when nothing is waiting
	sent bool
}

// NewWriter writes to dst.
func NewWriter(dst io.Writer) *Writer { return &Writer{dst: dst} }

// Reset makes the writer go on with another destination; nothing may wait.
func (w *Writer) Reset(dst io.Writer) { w.dst = dst }

// Begin starts a response whose first packet has the given sequence id.
func (w *Writer) Begin(seq byte) { w.Seq, w.sent = seq, false }

// Sent reports whether any byte was written since Begin.
func (w *Writer) Sent() bool { return w.sent }

// Pending is how many bytes wait for a Flush.
func (w *Writer) Pending() int { return len(w.buf) }

// WritePacket appends a payload, split as needed. The payload is copied or
// written before the call returns.
func (w *Writer) WritePacket(payload []byte) error {
	for {
		n := min(len(payload), MaxPayload)
		if err := w.write([]byte{byte(n), byte(n >> 8), byte(n >> 16), w.Seq}); err != nil {
			return err
		}
		w.Seq++
		if err := w.write(payload[:n]); err != nil {
			return err
		}
		payload = payload[n:]
		if n < MaxPayload {
			return nil
		}
	}
}

// WriteFrame is WritePacket for a payload with 4 bytes of room before it,
// which are overwritten, as are the 4 bytes before each split. It writes at
// once, after what waits.
func (w *Writer) WriteFrame(frame []byte) error {
	for {
		n := min(len(frame)-4, MaxPayload)
		frame[0], frame[1], frame[2], frame[3] = byte(n), byte(n>>8), byte(n>>16), w.Seq
		w.Seq++
		if err := w.WriteRaw(frame[:4+n]); err != nil {
			return err
		}
		if n < MaxPayload {
			return nil
		}
		frame = frame[n:]
	}
}

// WriteRaw writes bytes that are packets already, in one write with what
// waits if that is small.
func (w *Writer) WriteRaw(p []byte) error {
	if len(w.buf) > 0 {
		if err := w.write(p); err != nil {
			return err
		}
		return w.Flush()
	}
	if len(p) == 0 {
		return nil
	}
	w.sent = true
	_, err := w.dst.Write(p)
	return err
}

// Flush writes what waits and gives the buffer back.
func (w *Writer) Flush() error {
	if w.buf == nil {
		return nil
	}
	var err error
	if len(w.buf) > 0 {
		w.sent = true
		_, err = w.dst.Write(w.buf)
	}
	giveBack(w.buf)
	w.buf = nil
	return err
}

// Drop forgets what waits, for a response that is replaced by an error.
func (w *Writer) Drop() {
	giveBack(w.buf)
	w.buf = nil
}

// write collects p, writing when the buffer is full.
func (w *Writer) write(p []byte) error {
	if w.buf == nil {
		w.buf = borrow()[:0]
	}
	if len(w.buf)+len(p) > cap(w.buf) {
		w.sent = true
		if len(w.buf) > 0 {
			if _, err := w.dst.Write(w.buf); err != nil {
				return err
			}
			w.buf = w.buf[:0]
		}
		if len(p) >= cap(w.buf) {
			_, err := w.dst.Write(p)
			return err
		}
	}
	w.buf = append(w.buf, p...)
	return nil
}

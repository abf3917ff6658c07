package web

import (
	"log/slog"
	"strings"
)

// Audit writes the audit line of a request: who did what, and what came of it. A request
// that was refused or failed is a warning. What is noted must not be out of a payload.
func (c *Ctx) Audit(log *slog.Logger, who, token, outcome string, done bool, noted ...slog.Attr) {
	level := slog.LevelInfo
	if !done {
		level = slog.LevelWarn
	}
	log.LogAttrs(c.Context(), level, "audit", append([]slog.Attr{
		slog.String("who", who), slog.String("token", token), slog.String("remote", c.RemoteIP()),
		slog.String("method", c.Method()), slog.String("path", Cut(c.Path())), slog.String("outcome", outcome),
		slog.String("request_id", c.RequestID()),
	}, noted...)...)
}

// Cut bounds what a request can put into a log line or an answer: 200 bytes.
func Cut(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/internal/auth"
	"github.com/lazaret/lazaret/internal/db"
)

func (e *env) tokenCmd() *cobra.Command {
	var path string
	cmd := group("token", "Create, list and revoke the tokens that the APIs ask for",
		e.tokenCreateCmd(&path), e.tokenListCmd(&path), e.tokenRevokeCmd(&path))
	cmd.Long = `Tokens are kept in the server's store, as hashes. These commands work on the store itself,
so they need no server and no token, but the right to write the store's file; a running
server sees a change within a second.

Scopes: ` + scopeList() + `. admin includes all others.`
	cmd.PersistentFlags().StringVar(&path, "config", "", "the server's lazaret.yaml, for its store.path (LAZARET_CONFIG)")
	return cmd
}

func scopeList() string {
	var names []string
	for _, s := range auth.Scopes() {
		names = append(names, string(s))
	}
	return strings.Join(names, ", ")
}

// tokens opens the store for as long as fn runs. Only with create it may be a new one.
func (e *env) tokens(ctx context.Context, path string, create bool, fn func(*auth.Store) error) error {
	cfg, err := e.config(ctx, path)
	if err != nil {
		return err
	}
	if _, err := os.Stat(cfg.Store.Path); err != nil && !create {
		return badConfig(fmt.Errorf("there is no store at %s; --config names the server's lazaret.yaml, which says where it is", cfg.Store.Path))
	}
	store, err := db.Open(ctx, db.Config{Path: cfg.Store.Path, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer store.Close()
	s, err := auth.NewStore(ctx, store)
	if err != nil {
		return err
	}
	return fn(s)
}

func (e *env) tokenCreateCmd(path *string) *cobra.Command {
	var name string
	var scopes, streams []string
	var expires age
	cmd := &cobra.Command{
		Use: "create", Short: "Create a token and print it, once", Args: cobra.NoArgs,
		Long: `Create prints the token on standard output and nothing else; the store keeps a hash only.
A store that does not exist yet is made, so that a server can start with a token.`,
		Example: "  lazaret token create --name shop --scope ingest --stream clickstream\n  lazaret token create --name ops --scope admin --expires 30d",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if name == "" || len(scopes) == 0 {
				return usage("give --name and --scope")
			}
			if expires < 0 {
				return usage("--expires is a length of time from now, such as 36h or 30d")
			}
			parsed, err := auth.ParseScopes(scopes)
			if err != nil {
				return usage("--scope: %v", err)
			}
			var until time.Time
			if expires > 0 {
				until = time.Now().Add(time.Duration(expires))
			}
			return e.tokens(cmd.Context(), *path, true, func(s *auth.Store) error {
				secret, t, err := s.Create(cmd.Context(), name, parsed, streams, until)
				if err != nil {
					return err
				}
				if e.output == "json" {
					return e.printJSON(struct {
						Secret string `json:"token"`
						auth.Token
					}{secret, t})
				}
				e.status("token %s (%s): keep it now, it is not shown again", t.Name, t.ID)
				_, err = fmt.Fprintln(e.stdout, secret)
				return err
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&name, "name", "", "what it is for")
	f.StringSliceVar(&scopes, "scope", nil, "what it may do: "+scopeList())
	f.StringSliceVar(&streams, "stream", nil, "only these streams (default: all)")
	f.Var(&expires, "expires", "how long it is good for, such as 36h or 30d (default: until revoked)")
	return e.prints(cmd, "table", "json")
}

func (e *env) tokenListCmd(path *string) *cobra.Command {
	return e.prints(&cobra.Command{
		Use: "list", Short: "List the tokens, without their secrets", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.tokens(cmd.Context(), *path, false, func(s *auth.Store) error {
				list, err := s.List(cmd.Context())
				if err != nil {
					return err
				}
				if e.output == "json" {
					if list == nil {
						list = []auth.Token{}
					}
					return e.printJSON(map[string]any{"tokens": list})
				}
				if len(list) == 0 {
					e.status("no tokens")
					return nil
				}
				t := newTable(col("id"), flex("name", 8), flex("scopes", 8), flex("streams", 8), col("created"), col("state"))
				for _, x := range list {
					var scopes []string
					for _, s := range x.Scopes {
						scopes = append(scopes, string(s))
					}
					streams := strings.Join(x.Streams, " ")
					if streams == "" {
						streams = "all"
					}
					t.add(x.ID, x.Name, strings.Join(scopes, " "), streams, ago(x.Created, time.Now()), tokenState(x, time.Now()))
				}
				e.print(t, "")
				return nil
			})
		},
	}, "table", "json")
}

func tokenState(t auth.Token, now time.Time) string {
	switch {
	case !t.Revoked.IsZero():
		return "revoked"
	case !t.Expires.IsZero() && !now.Before(t.Expires):
		return "expired"
	case !t.Expires.IsZero():
		return "until " + t.Expires.UTC().Format("2006-01-02 15:04Z")
	}
	return "in force"
}

func (e *env) tokenRevokeCmd(path *string) *cobra.Command {
	return e.prints(&cobra.Command{
		Use: "revoke ID|NAME", Short: "End a token", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.tokens(cmd.Context(), *path, false, func(s *auth.Store) error {
				t, err := s.Revoke(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				if e.output == "json" {
					return e.printJSON(t)
				}
				e.status("revoked %s (%s)", t.Name, t.ID)
				return nil
			})
		},
	}, "table", "json")
}

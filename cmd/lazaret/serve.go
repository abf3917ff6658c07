package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/internal/app"
	"github.com/lazaret/lazaret/internal/config"
)

func (e *env) serveCmd() *cobra.Command {
	var path, urlFile string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the gateway",
		Long: `Serve runs the gateway until it gets SIGTERM or an interrupt; then it takes nothing new,
finishes what it took, and ends. A second signal ends it at once; nothing that was
acknowledged is lost by that.

Without a configuration file every setting has its default; see deploy/lazaret.yaml. As
long as there is no token it serves this machine only, and refuses other addresses.

It logs to standard error. Exit code 78 if the configuration is wrong, 2 if its file cannot
be read, 1 if it cannot run for another cause, such as an address that is in use.`,
		Example: "  lazaret serve\n  lazaret serve --config /etc/lazaret/lazaret.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := e.config(cmd.Context(), path)
			if err != nil {
				return err
			}
			if path == "" && e.getenv("LAZARET_CONFIG") == "" {
				e.logger(cfg).Info("there is no configuration file (--config, LAZARET_CONFIG): every setting has its default", "store", cfg.Store.Path)
			}
			return e.serve(cmd.Context(), cfg, urlFile)
		},
	}
	cmd.Flags().StringVar(&path, "config", "", "lazaret.yaml (LAZARET_CONFIG)")
	cmd.Flags().StringVar(&urlFile, "url-file", "", "write the server's URL to this file when it is ready; for listen.http with port 0")
	return cmd
}

// config reads the configuration file, or gives the defaults where there is none.
func (e *env) config(ctx context.Context, path string) (config.Config, error) {
	if path == "" {
		path = e.getenv("LAZARET_CONFIG")
	}
	if path == "" {
		return config.Default(), nil
	}
	data, err := readFile(ctx, path)
	if err != nil {
		return config.Config{}, unread("the configuration cannot be read: ", err)
	}
	cfg, err := config.Parse(path, data, lookup(e.getenv))
	if err != nil {
		return config.Config{}, badConfig(err)
	}
	return cfg, nil
}

// reference says whether LAZARET_CHECKER switches the checker off, for who doubts a
// verdict: the libraries that it is held against then judge alone.
func (e *env) reference() (bool, error) {
	switch v := e.getenv("LAZARET_CHECKER"); v {
	case "", "on":
		return false, nil
	case "off":
		return true, nil
	default:
		return false, usage("LAZARET_CHECKER is on or off, not %q", v)
	}
}

// lookup takes an empty variable for one that is not set.
func lookup(getenv func(string) string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		v := getenv(name)
		return v, v != ""
	}
}

func (e *env) serve(ctx context.Context, cfg config.Config, urlFile string) error {
	reference, err := e.reference()
	if err != nil {
		return err
	}
	log := e.logger(cfg)
	if reference {
		log.Warn("LAZARET_CHECKER is off: events are judged by the libraries alone, with the same verdicts and more slowly")
	}
	a, err := app.New(ctx, app.Config{Config: cfg, Version: version, Log: log, Stdout: e.stdout, Reference: reference})
	if err != nil {
		if errors.Is(err, app.ErrConfig) {
			return badConfig(err)
		}
		return err
	}
	if err := a.Start(ctx); err != nil {
		return errors.Join(err, stop(a, cfg))
	}
	if urlFile != "" {
		if err := writeWhole(urlFile, a.URL()+"\n"); err != nil {
			return errors.Join(err, stop(a, cfg))
		}
	}
	select {
	case <-ctx.Done():
		log.Info("stopping: finishing what was taken", "within", time.Duration(cfg.ShutdownTimeout).String())
	case err = <-a.Failed():
	}
	return errors.Join(err, stop(a, cfg))
}

// writeWhole puts a file in place in one step: who waits for it never sees half of it.
func writeWhole(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".lazaret-*")
	if err != nil {
		return fmt.Errorf("--url-file: %w", err)
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("--url-file: %w", err), os.Remove(f.Name()))
	}
	return nil
}

// stop gives the app its time to finish, apart from the context that has ended.
func stop(a *app.App, cfg config.Config) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(cfg.ShutdownTimeout))
	defer cancel()
	if err := a.Stop(ctx); err != nil {
		return fmt.Errorf("stopping: %w", err)
	}
	return nil
}

// logger writes to stderr, as data goes to stdout.
func (e *env) logger(cfg config.Config) *slog.Logger {
	o := &slog.HandlerOptions{}
	var level slog.Level
	if level.UnmarshalText([]byte(cfg.Log.Level)) == nil {
		o.Level = level
	}
	if cfg.Log.Format == "json" {
		return slog.New(slog.NewJSONHandler(e.stderr, o))
	}
	return slog.New(slog.NewTextHandler(e.stderr, o))
}

package main

import (
	"errors"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// flagError says in words what is wrong with the flags of a command line.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		var all []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { all = append(all, "--"+f.Name) })
		return usage("%v%s", err, nearest("--"+unknown.GetSpecifiedName(), all))
	}
	var bad *pflag.InvalidValueError
	if !errors.As(err, &bad) {
		return usage("%v", err)
	}
	flag, value := "--"+bad.GetFlag().Name, bad.GetValue()
	want := map[string]string{
		"int": "a whole number", "int32": "a whole number", "int64": "a whole number", "uint": "a whole number", "uint64": "a whole number",
		"float64": "a number", "bool": "true or false", "duration": "a duration such as 30s or 5m",
	}[bad.GetFlag().Value.Type()]
	var number *strconv.NumError
	switch {
	case want != "" && errors.As(err, &number) && errors.Is(number.Err, strconv.ErrRange):
		return usage("%s %s: the number is too large", flag, value)
	case want != "":
		return usage("%s %q: want %s", flag, value, want)
	}
	return usage("%s %q: %v", flag, value, errors.Unwrap(bad))
}

// given refuses flags that are there and say nothing, as where a variable of a script is empty.
func given(cmd *cobra.Command, names ...string) error {
	for _, name := range names {
		if f := cmd.Flags().Lookup(name); f != nil && f.Changed && f.Value.String() == "" {
			return usage("--%s is empty; leave it out for its default", name)
		}
	}
	return nil
}

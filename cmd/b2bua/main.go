// Command b2bua is a back-to-back user agent with media relay: a session
// border controller in one binary.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/alecthomas/kong"

	"b2bua/internal/config"
)

// version is set at build time: -ldflags "-X main.version=v1.2.3".
var version = ""

// commands are the subcommands, in the order of --help.
type commands struct {
	Serve   serveCommand   `cmd:"" help:"Run the server."`
	Demo    demoCommand    `cmd:"" help:"Show a call: a server on free ports, two telephones, the ladder, the audio and the record."`
	Check   checkCommand   `cmd:"" help:"Read the configuration and the stored policy and say what is wrong with them."`
	Migrate migrateCommand `cmd:"" help:"Bring the database's tables to this version, or show where they are."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

// configFile is the flag that every command that reads the configuration has.
type configFile struct {
	Config string `short:"c" type:"path" env:"B2BUA_CONFIG" placeholder:"FILE" help:"YAML file. Without it: the defaults and B2BUA_… variables."`
}

func (c configFile) load() (*config.Config, error) { return config.Load(c.Config, os.Environ()) }

// errFailed ends the process with status 1 when everything has been said.
var errFailed = errors.New("failed")

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run runs one command and returns the process's exit status: 0, 1 for what
// went wrong, 80 for a command line that cannot be understood.
func run(args []string, out, complaints io.Writer) (status int) {
	cli := commands{}
	exited := false
	parser := kong.Must(&cli, kong.Name("b2bua"),
		kong.Description("A back-to-back user agent with media relay: a session border controller in one binary."),
		kong.UsageOnError(), kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Writers(out, complaints), kong.BindTo(out, (*io.Writer)(nil)),
		kong.Exit(func(code int) { status, exited = code, true }))
	ctx, err := parser.Parse(args)
	if exited {
		return status // --help
	}
	if err != nil {
		parser.FatalIfErrorf(err)
		return status
	}
	if err := ctx.Run(); err != nil {
		if !errors.Is(err, errFailed) {
			_, _ = fmt.Fprintln(complaints, "b2bua: "+err.Error())
		}
		return 1
	}
	return 0
}

type versionCommand struct{}

// Run prints the version, the toolchain and the platform.
func (versionCommand) Run(out io.Writer) error {
	_, err := fmt.Fprintf(out, "b2bua %s %s %s/%s\n", buildVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && len(s.Value) >= 12 {
				return "dev-" + s.Value[:12]
			}
		}
	}
	return "dev"
}

// SPDX-License-Identifier: Apache-2.0

// Package suite runs containerd's own snapshotter test suite against floe-snapshotter, through the
// proxy client that containerd uses. Every case gets a daemon of its own, on its own root.
//
//	suite.test -test.v -floe-snapshotter PATH [-floe-args "--flag value"]
package suite

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	snapshotsapi "github.com/containerd/containerd/api/services/snapshots/v1"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/core/snapshots/proxy"
	"github.com/containerd/containerd/v2/core/snapshots/testsuite"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

var (
	program = flag.String("floe-snapshotter", "", "the program under test")
	extra   = flag.String("floe-args", "", "further arguments for it, separated by spaces")
)

// daemon is one floe-snapshotter with its socket in a short temporary directory (a unix socket's
// path has 107 bytes; the suite's roots are longer).
type daemon struct {
	command *exec.Cmd
	run     string
	log     *os.File
}

// start returns when the daemon has said that it is ready, as it tells systemd.
func start(root string) (*daemon, error) {
	run, err := os.MkdirTemp("", "fs")
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(run, "log"))
	if err != nil {
		return nil, err
	}
	notify := filepath.Join(run, "notify")
	ready, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: notify, Net: "unixgram"})
	if err != nil {
		return nil, err
	}
	defer ready.Close()
	arguments := append([]string{"--root", root, "--socket", filepath.Join(run, "s"), "--runtime-dir", run},
		strings.Fields(*extra)...)
	command := exec.Command(*program, arguments...)
	command.Env = append(os.Environ(), "NOTIFY_SOCKET="+notify)
	command.Stderr, command.Stdout = log, log
	if err := command.Start(); err != nil {
		return nil, err
	}
	d := &daemon{command: command, run: run, log: log}
	message := make([]byte, 64)
	ready.SetReadDeadline(time.Now().Add(time.Minute))
	n, err := ready.Read(message)
	if err != nil || string(message[:n]) != "READY=1" {
		return nil, errors.Join(fmt.Errorf("not ready: %q: %w", message[:n], err), d.stop())
	}
	return d, nil
}

// stop asks the daemon to end and reports when it does not end well.
func (d *daemon) stop() error {
	defer os.RemoveAll(d.run)
	defer d.log.Close()
	if err := d.command.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if err := d.command.Wait(); err != nil {
		text, _ := os.ReadFile(d.log.Name())
		return fmt.Errorf("floe-snapshotter: %w\n%s", err, text)
	}
	return nil
}

// client closes connection and daemon once, however often the suite calls Close.
type client struct {
	snapshots.Snapshotter
	connection *grpc.ClientConn
}

func (c *client) Close() error {
	c.connection.Close()
	return nil
}

func newSnapshotter(ctx context.Context, root string) (snapshots.Snapshotter, func() error, error) {
	d, err := start(root)
	if err != nil {
		return nil, nil, err
	}
	connection, err := grpc.NewClient("unix://"+filepath.Join(d.run, "s"),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		d.stop()
		return nil, nil, err
	}
	api := snapshotsapi.NewSnapshotsClient(connection)
	s := &client{Snapshotter: proxy.NewSnapshotter(api, "floe"), connection: connection}
	return s, func() error { s.Close(); return d.stop() }, nil
}

func TestSnapshotterSuite(t *testing.T) {
	if *program == "" {
		t.Fatal("-floe-snapshotter PATH is missing")
	}
	// "overlayfs" is the suite's word for "directory renames across layers need redirect_dir": overlay
	// mounts made by containerd from our answer behave as its own overlayfs snapshotter's do.
	testsuite.SnapshotterSuite(t, "overlayfs", newSnapshotter)
}

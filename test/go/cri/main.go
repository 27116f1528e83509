// SPDX-License-Identifier: Apache-2.0
// A small client of the CRI services of containerd: what a kubelet asks of it, one call a command, answers as JSON on stdout.
//
//	cri SOCKET pull IMAGE
//	cri SOCKET run NAME IMAGE LOGDIR COMMAND...    a host-network pod with one container; prints {"pod","container"}
//	cri SOCKET exec CONTAINER COMMAND...           prints the command's stdout; exit code is the command's
//	cri SOCKET stats CONTAINER | imagefsinfo | images | pods
//	cri SOCKET rmp POD | rmi IMAGE
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

type client struct {
	images  cri.ImageServiceClient
	runtime cri.RuntimeServiceClient
}

func (c *client) pull(ctx context.Context, image string) (any, error) {
	return c.images.PullImage(ctx, &cri.PullImageRequest{Image: &cri.ImageSpec{Image: image}})
}

// run starts what `kubectl run` with hostNetwork would: no CNI is needed, and the sandbox image comes from containerd's configuration.
func (c *client) run(ctx context.Context, name, image, logs string, command []string) (any, error) {
	sandbox := &cri.PodSandboxConfig{
		Metadata:     &cri.PodSandboxMetadata{Name: name, Uid: name, Namespace: "default"},
		LogDirectory: logs,
		Linux: &cri.LinuxPodSandboxConfig{SecurityContext: &cri.LinuxSandboxSecurityContext{
			NamespaceOptions: &cri.NamespaceOption{Network: cri.NamespaceMode_NODE, Pid: cri.NamespaceMode_CONTAINER},
		}},
	}
	pod, err := c.runtime.RunPodSandbox(ctx, &cri.RunPodSandboxRequest{Config: sandbox})
	if err != nil {
		return nil, fmt.Errorf("RunPodSandbox: %w", err)
	}
	created, err := c.runtime.CreateContainer(ctx, &cri.CreateContainerRequest{
		PodSandboxId:  pod.PodSandboxId,
		SandboxConfig: sandbox,
		Config: &cri.ContainerConfig{
			Metadata: &cri.ContainerMetadata{Name: "main"},
			Image:    &cri.ImageSpec{Image: image},
			Command:  command,
			LogPath:  "main.log",
		},
	})
	if err != nil {
		return nil, fmt.Errorf("CreateContainer: %w", err)
	}
	if _, err := c.runtime.StartContainer(ctx, &cri.StartContainerRequest{ContainerId: created.ContainerId}); err != nil {
		return nil, fmt.Errorf("StartContainer: %w", err)
	}
	return map[string]string{"pod": pod.PodSandboxId, "container": created.ContainerId}, nil
}

func (c *client) exec(ctx context.Context, container string, command []string) error {
	answer, err := c.runtime.ExecSync(ctx, &cri.ExecSyncRequest{ContainerId: container, Cmd: command, Timeout: 60})
	if err != nil {
		return err
	}
	os.Stdout.Write(answer.Stdout)
	os.Stderr.Write(answer.Stderr)
	if answer.ExitCode != 0 {
		os.Exit(int(answer.ExitCode))
	}
	return nil
}

func (c *client) removePod(ctx context.Context, pod string) (any, error) {
	if _, err := c.runtime.StopPodSandbox(ctx, &cri.StopPodSandboxRequest{PodSandboxId: pod}); err != nil {
		return nil, fmt.Errorf("StopPodSandbox: %w", err)
	}
	return c.runtime.RemovePodSandbox(ctx, &cri.RemovePodSandboxRequest{PodSandboxId: pod})
}

func (c *client) call(ctx context.Context, verb string, args []string) (any, error) {
	need := map[string]int{"pull": 1, "run": 4, "exec": 2, "stats": 1, "rmp": 1, "rmi": 1}[verb]
	if len(args) < need {
		return nil, fmt.Errorf("%s needs %d arguments, got %d", verb, need, len(args))
	}
	switch verb {
	case "pull":
		return c.pull(ctx, args[0])
	case "run":
		return c.run(ctx, args[0], args[1], args[2], args[3:])
	case "exec":
		return nil, c.exec(ctx, args[0], args[1:])
	case "stats":
		return c.runtime.ContainerStats(ctx, &cri.ContainerStatsRequest{ContainerId: args[0]})
	case "imagefsinfo":
		return c.images.ImageFsInfo(ctx, &cri.ImageFsInfoRequest{})
	case "images":
		return c.images.ListImages(ctx, &cri.ListImagesRequest{})
	case "pods":
		return c.runtime.ListPodSandbox(ctx, &cri.ListPodSandboxRequest{})
	case "rmp":
		return c.removePod(ctx, args[0])
	case "rmi":
		return c.images.RemoveImage(ctx, &cri.RemoveImageRequest{Image: &cri.ImageSpec{Image: args[0]}})
	}
	return nil, fmt.Errorf("no command %q", verb)
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: cri SOCKET pull|run|exec|stats|imagefsinfo|images|pods|rmp|rmi ...")
		os.Exit(2)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	conn, err := grpc.NewClient("unix://"+os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err == nil {
		defer conn.Close()
		c := &client{cri.NewImageServiceClient(conn), cri.NewRuntimeServiceClient(conn)}
		var answer any
		if answer, err = c.call(ctx, os.Args[2], os.Args[3:]); err == nil && answer != nil {
			err = json.NewEncoder(os.Stdout).Encode(answer)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "cri:", err)
		os.Exit(1)
	}
}

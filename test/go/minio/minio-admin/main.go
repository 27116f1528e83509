// SPDX-License-Identifier: Apache-2.0

// minio-admin makes users and policies on a MinIO server of a test: its admin calls are encrypted, so a plain signed request does not do.
//
//	minio-admin HOST:PORT policy NAME FILE       adds or replaces a policy
//	minio-admin HOST:PORT user ACCESS SECRET P   adds a user, who has policy P and no other
//	minio-admin HOST:PORT disable|remove ACCESS  its keys, and temporary ones made from them, are refused from now on
//	minio-admin HOST:PORT revoke ACCESS          ends the temporary keys made from its keys, as their time would
//	minio-admin HOST:PORT slots N                requests that the server serves at a time; more wait and are told to slow down
//
// The root's keys come from MINIO_ROOT_USER and MINIO_ROOT_PASSWORD.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/minio/madmin-go/v3"
)

type command struct {
	arguments int
	run       func(ctx context.Context, admin *madmin.AdminClient, args []string) error
}

var commands = map[string]command{
	"policy": {2, func(ctx context.Context, admin *madmin.AdminClient, args []string) error {
		text, err := os.ReadFile(args[1])
		if err != nil {
			return err
		}
		return admin.AddCannedPolicy(ctx, args[0], text)
	}},
	"user": {3, func(ctx context.Context, admin *madmin.AdminClient, args []string) error {
		if err := admin.AddUser(ctx, args[0], args[1]); err != nil {
			return err
		}
		_, err := admin.AttachPolicy(ctx, madmin.PolicyAssociationReq{Policies: []string{args[2]}, User: args[0]})
		return err
	}},
	"disable": {1, func(ctx context.Context, admin *madmin.AdminClient, args []string) error {
		return admin.SetUserStatus(ctx, args[0], madmin.AccountDisabled)
	}},
	"remove": {1, func(ctx context.Context, admin *madmin.AdminClient, args []string) error {
		return admin.RemoveUser(ctx, args[0])
	}},
	"revoke": {1, func(ctx context.Context, admin *madmin.AdminClient, args []string) error {
		return admin.RevokeTokens(ctx, madmin.RevokeTokensReq{User: args[0], FullRevoke: true})
	}},
	"slots": {1, func(ctx context.Context, admin *madmin.AdminClient, args []string) error {
		_, err := admin.SetConfigKV(ctx, "api requests_max="+args[0])
		return err
	}},
}

func run(args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("usage: minio-admin HOST:PORT COMMAND ARGUMENT..., see main.go")
	}
	chosen, known := commands[args[1]]
	if !known || len(args)-2 != chosen.arguments {
		return fmt.Errorf("no command %q with %d arguments, see main.go", args[1], len(args)-2)
	}
	admin, err := madmin.New(args[0], os.Getenv("MINIO_ROOT_USER"), os.Getenv("MINIO_ROOT_PASSWORD"), false)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return chosen.run(ctx, admin, args[2:])
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "minio-admin:", err)
		os.Exit(1)
	}
}

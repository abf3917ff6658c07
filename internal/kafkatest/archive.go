package kafkatest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Most of what a broker's start costs is the JVM's reading of 6,000 classes. A JVM can write
// down what it read and map it the next time: a start then takes 1.3 CPU-seconds, not 2.3.

// archive is the file with the classes that Kafka reads at its start, made by a first broker
// if need be; the JVM takes it from the very Java that wrote it only. It is empty where
// there is none, as with a Java that cannot write one: a broker starts without it, too.
func archive(ctx context.Context, lib string) (string, error) {
	program, err := java()
	if err != nil {
		return "", err
	}
	file, err := archiveFile(lib, program)
	if err != nil {
		return "", err
	}
	if found, err := usable(file); found {
		return file, err
	}
	unlock, err := lock(ctx, lib+".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if found, err := usable(file); found {
		return file, err
	}
	temp := fmt.Sprintf("%s.%d", file, os.Getpid())
	defer os.Remove(temp)
	if err := train(ctx, lib, temp); err != nil {
		if ctx.Err() != nil || errors.Is(err, errMissing) {
			return "", err
		}
		// Nobody needs to try again: an empty file says so. What keeps every broker from
		// starting will be told by the one that is wanted.
		if err := os.WriteFile(temp, nil, 0o644); err != nil {
			return "", err
		}
	}
	return file, os.Rename(temp, file)
}

// archiveFile names the archive of a Java by where it is and when it was made.
func archiveFile(lib, program string) (string, error) {
	real, err := filepath.EvalSymlinks(program)
	if err != nil {
		return "", fmt.Errorf("looking for Java: %w", err)
	}
	info, err := os.Stat(real)
	if err != nil {
		return "", fmt.Errorf("looking for Java: %w", err)
	}
	sum := sha256.Sum256(fmt.Append(nil, real, info.Size(), info.ModTime().UnixNano()))
	return filepath.Join(lib, "classes-"+hex.EncodeToString(sum[:6])+".jsa"), nil
}

// usable tells whether the file is there.
func usable(file string) (bool, error) {
	_, err := os.Stat(file)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return true, err
}

// train runs a broker that writes down its classes when it stops.
func train(ctx context.Context, lib, file string) error {
	b, err := try(ctx, lib, "", Options{JVM: []string{"-XX:ArchiveClassesAtExit=" + file}})
	if err != nil {
		return err
	}
	defer b.Close()
	if err := b.CreateTopic(ctx, "classes", 1, nil); err != nil {
		return err
	}
	if err := b.Stop(); err != nil {
		return err
	}
	info, err := os.Stat(file)
	if err == nil && info.Size() == 0 {
		err = errors.New("the JVM wrote no archive of classes")
	}
	return err
}

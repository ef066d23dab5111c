// Runs containerd's overlay snapshotter in this process and times its calls, as the bench asks on the standard input.
//
//	base FILES              makes a committed snapshot "base" of so many small files
//	rounds COUNT HOW        prepares above it, writes a file, commits and removes, one after the other
//	crowd COUNT AT_ONCE HOW prepares so many above it, some at a time
//
// HOW is "plain", or "durable": then what a call wrote is made durable with the fewest waits that do. Each answer is lines
// of a word, nanoseconds, and how often the disk was flushed meanwhile, and then "done".
//
// The arguments are the folder for its data, and the file in which the kernel counts what the disk does.
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/containerd/containerd/mount"
	"github.com/containerd/containerd/namespaces"
	"github.com/containerd/containerd/snapshots"
	"github.com/containerd/containerd/snapshots/overlay"
)

type bench struct {
	ctx         context.Context
	root        string
	counts      string
	snapshotter snapshots.Snapshotter
	prepared    int
}

func main() {
	root := os.Args[1]
	snapshotter, err := overlay.NewSnapshotter(root)
	must(err)
	ctx := namespaces.WithNamespace(context.Background(), "bench")
	b := &bench{ctx: ctx, root: root, counts: os.Args[2], snapshotter: snapshotter}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		switch words[0] {
		case "base":
			b.base(number(words[1]))
		case "rounds":
			b.rounds(number(words[1]), words[2] == "durable")
		case "crowd":
			b.crowd(number(words[1]), number(words[2]), words[3] == "durable")
		default:
			must(fmt.Errorf("no command %q", words[0]))
		}
		fmt.Println("done")
	}
}

func (b *bench) base(files int) {
	mounts, err := b.snapshotter.Prepare(b.ctx, "base-active", "")
	must(err)
	for file := 0; file < files; file++ {
		folder := filepath.Join(mounts[0].Source, strconv.Itoa(file/1000))
		must(os.MkdirAll(folder, 0755))
		text := fmt.Sprintf("file %d\n", file)
		must(os.WriteFile(filepath.Join(folder, strconv.Itoa(file)), []byte(text), 0644))
	}
	must(b.snapshotter.Commit(b.ctx, "base", "base-active"))
	b.syncAll()
}

func (b *bench) rounds(count int, durable bool) {
	for round := 0; round < count; round++ {
		key := b.fresh()
		var mounts []mount.Mount
		b.timed("prepare", func() {
			var err error
			mounts, err = b.snapshotter.Prepare(b.ctx, key, "base")
			must(err)
			if durable {
				b.syncNames()
			}
		})
		written := filepath.Join(upper(mounts), "written")
		must(os.WriteFile(written, []byte(key), 0644))
		b.syncAll()
		b.timed("commit", func() {
			if durable {
				// The files first, or the record would tell of a snapshot without content.
				b.syncAll()
			}
			must(b.snapshotter.Commit(b.ctx, "snapshot-"+key, key))
		})
		b.timed("remove", func() {
			must(b.snapshotter.Remove(b.ctx, "snapshot-"+key))
		})
	}
}

func (b *bench) crowd(count, atOnce int, durable bool) {
	keys := make(chan string, count)
	for n := 0; n < count; n++ {
		keys <- b.fresh()
	}
	close(keys)
	var workers sync.WaitGroup
	b.timed("crowd", func() {
		for n := 0; n < atOnce; n++ {
			workers.Add(1)
			go func() {
				defer workers.Done()
				for key := range keys {
					_, err := b.snapshotter.Prepare(b.ctx, key, "base")
					must(err)
					if durable {
						b.syncNames()
					}
				}
			}()
		}
		workers.Wait()
	})
}

func (b *bench) fresh() string {
	b.prepared++
	return strconv.Itoa(b.prepared)
}

// One journal has the names of all folders, so that a single wait makes those of a new snapshot durable.
func (b *bench) syncNames() {
	folder, err := os.Open(filepath.Join(b.root, "snapshots"))
	must(err)
	defer folder.Close()
	must(folder.Sync())
}

func (b *bench) syncAll() {
	folder, err := os.Open(b.root)
	must(err)
	defer folder.Close()
	_, _, errno := syscall.Syscall(syncfs, folder.Fd(), 0, 0)
	if errno != 0 {
		must(errno)
	}
}

func upper(mounts []mount.Mount) string {
	for _, option := range mounts[0].Options {
		if path := strings.TrimPrefix(option, "upperdir="); path != option {
			return path
		}
	}
	panic("the mount has no upper folder")
}

func (b *bench) timed(what string, work func()) {
	before := b.flushes()
	begin := time.Now()
	work()
	took := time.Since(begin).Nanoseconds()
	fmt.Println(what, took, b.flushes()-before)
}

func (b *bench) flushes() int {
	text, err := os.ReadFile(b.counts)
	must(err)
	return number(strings.Fields(string(text))[15])
}

func number(text string) int {
	value, err := strconv.Atoi(text)
	must(err)
	return value
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Threads in calls that are known: each goroutine holds a thread of its own, in a read that does not return.
package main

import (
	"fmt"
	"runtime"
	"syscall"
	"time"
)

//go:noinline
func knownRead(fd int) int {
	var bytes [1]byte
	n, _ := syscall.Read(fd, bytes[:])
	return n + 1
}

//go:noinline
func knownOuter(fd int) int {
	runtime.LockOSThread()
	return knownRead(fd) + 1
}

func main() {
	for i := 0; i < 3; i++ {
		var fds [2]int
		if syscall.Pipe(fds[:]) != nil {
			return
		}
		go func() { fmt.Println(knownOuter(fds[0])) }()
	}
	time.Sleep(100 * time.Millisecond)
	fmt.Println("ready")
	time.Sleep(time.Hour)
}

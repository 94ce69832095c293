// Histories of benchmarks/checkers.py on Porcupine: prints the verdict and the seconds of each file.
//
// Build beside a clone of github.com/anishathalye/porcupine:
//   go mod init peer && go mod edit -replace github.com/anishathalye/porcupine=CLONE
//   go get github.com/anishathalye/porcupine && go build -o porcupine_peer
// Run: porcupine_peer SECONDS FILE...
// A file has a line for each operation: process, f, key, two values, result, call, return.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/anishathalye/porcupine"
)

type input struct {
	f, key, first, second string
}

var model = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		parts := map[string][]porcupine.Operation{}
		for _, each := range history {
			key := each.Input.(input).key
			parts[key] = append(parts[key], each)
		}
		found := [][]porcupine.Operation{}
		for _, part := range parts {
			found = append(found, part)
		}
		return found
	},
	Init: func() interface{} { return os.Getenv("INITIAL") },
	Step: func(state, in, out interface{}) (bool, interface{}) {
		asked, now, came := in.(input), state.(string), out.(string)
		switch asked.f {
		case "read", "get":
			return came == now, state
		case "write", "put":
			return true, asked.first
		case "append":
			return true, now + asked.first
		default: // cas: came is ok or fail
			if came == "fail" {
				return now != asked.first, state
			}
			return now == asked.first, asked.second
		}
	},
	Equal: func(one, other interface{}) bool { return one == other },
}

func main() {
	limit, _ := strconv.Atoi(os.Args[1])
	for _, name := range os.Args[2:] {
		file, err := os.Open(name)
		if err != nil {
			panic(err)
		}
		lines := bufio.NewScanner(file)
		lines.Buffer(make([]byte, 1<<20), 1<<24)
		history := []porcupine.Operation{}
		for lines.Scan() {
			part := strings.Split(lines.Text(), "\t")
			client, _ := strconv.Atoi(part[0])
			call, _ := strconv.ParseInt(part[6], 10, 64)
			end, _ := strconv.ParseInt(part[7], 10, 64)
			asked := input{part[1], part[2], part[3], part[4]}
			history = append(history, porcupine.Operation{ClientId: client, Input: asked, Call: call, Output: part[5], Return: end})
		}
		before := used()
		found := porcupine.CheckOperationsTimeout(model, history, time.Duration(limit)*time.Second)
		fmt.Printf("%s\t%s\t%.6f\n", name, found, used()-before)
	}
}

// Seconds that this process has had of the machine, in all of its threads.
func used() float64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return float64(usage.Utime.Sec+usage.Stime.Sec) + float64(usage.Utime.Usec+usage.Stime.Usec)/1e6
}

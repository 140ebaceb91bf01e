// Command gitops answers what GitOps tools would: with Flux' own kstatus and CEL, and with the Lua of Argo CD.
//
// It reads questions as JSON from stdin and writes an answer for each: a word of kstatus for {object}, one of Flux for
// {object, checks}, and what the script returns for {object, script}.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	luajson "layeh.com/gopher-json"
)

type question struct {
	Object json.RawMessage
	Checks *kustomize.HealthCheckExpressions
	Script string
}

func main() {
	asked, answers := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var one question
		err := asked.Decode(&one)
		if errors.Is(err, io.EOF) {
			return
		}
		var answer any
		if err == nil {
			answer, err = one.answer()
		}
		if err == nil {
			err = answers.Encode(answer)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func (q question) answer() (any, error) {
	if q.Script != "" {
		return argo(q.Object, q.Script)
	}
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(q.Object); err != nil {
		return nil, err
	}
	if q.Checks == nil {
		return word(status.Compute(object))
	}
	evaluator, err := cel.NewStatusEvaluator(q.Checks)
	if err != nil {
		return nil, err
	}
	return word(evaluator.Evaluate(context.Background(), object))
}

func word(result *status.Result, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return result.Status, nil
}

// argo runs a script as runLua of Argo CD's util/lua does, which opens these libraries alone: there is no `string`.
// Its `os` has `time` and `date` only; ours has neither, as no script of brood's needs them.
func argo(object json.RawMessage, script string) (any, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for name, open := range map[string]lua.LGFunction{
		lua.LoadLibName: lua.OpenPackage, lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable,
	} {
		if err := state.CallByParam(lua.P{Fn: state.NewFunction(open), Protect: true}, lua.LString(name)); err != nil {
			return nil, err
		}
	}
	limited, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	state.SetContext(limited)
	decoded, err := luajson.Decode(state, object)
	if err != nil {
		return nil, err
	}
	state.SetGlobal("obj", decoded)
	if err := state.DoString(script); err != nil {
		return nil, err
	}
	answer, err := luajson.Encode(state.Get(-1))
	return json.RawMessage(answer), err
}

package main

import (
	"context"
	"fmt"
	"sort"
	"strings"

	"github.com/cloudwego/kitex/client/callopt"

	"kitewire.test/interop/kitex_gen/combined/comba"
	"kitewire.test/interop/kitex_gen/combined/combb"
	"kitewire.test/interop/kitex_gen/combined/combineservice"
	"kitewire.test/interop/kitex_gen/common"
	"kitewire.test/interop/kitex_gen/interop/everything"
	"kitewire.test/interop/kitex_gen/interop/second"
	"kitewire.test/interop/kitex_gen/interop/servicea"
	"kitewire.test/interop/kitex_gen/interop/serviceb"
	"kitewire.test/interop/kitex_gen/interop/servicec"
	"kitewire.test/interop/kitex_gen/interoppb"
	"kitewire.test/interop/kitex_gen/interoppb/pba"
	"kitewire.test/interop/kitex_gen/interoppb/proto"
	strangeeverything "kitewire.test/interop/kitex_gen/stranger/everything"
	strangea "kitewire.test/interop/kitex_gen/stranger/servicea"
	"kitewire.test/interop/kitex_gen/stranger/stranger"
	"kitewire.test/interop/kitex_gen/strangerpb"
	strangeproto "kitewire.test/interop/kitex_gen/strangerpb/proto"
	strangerpbsvc "kitewire.test/interop/kitex_gen/strangerpb/stranger"
)

// A method takes the text of a call script and gives the text of the answer; nil is Kitex's answer without a result.
type method func(ctx context.Context, text string, options ...callopt.Option) (*string, error)

// noteMethod makes a method of any call that takes a message with a text and answers one.
func noteMethod[M any](
	call func(ctx context.Context, message *M, options ...callopt.Option) (*M, error),
	wrap func(text string) *M, unwrap func(*M) string,
) method {
	return func(ctx context.Context, text string, options ...callopt.Option) (*string, error) {
		answer, err := call(ctx, wrap(text), options...)
		if err != nil || answer == nil {
			return nil, err
		}
		got := unwrap(answer)
		return &got, nil
	}
}

func note(call func(context.Context, *common.Note, ...callopt.Option) (*common.Note, error)) method {
	return noteMethod(call, func(text string) *common.Note { return &common.Note{Text: text} }, (*common.Note).GetText)
}

func textpb(call func(context.Context, *interoppb.Text, ...callopt.Option) (*interoppb.Text, error)) method {
	return noteMethod(call, func(text string) *interoppb.Text { return &interoppb.Text{Text: text} }, (*interoppb.Text).GetText)
}

func strangepb(call func(context.Context, *strangerpb.Text, ...callopt.Option) (*strangerpb.Text, error)) method {
	return noteMethod(call, func(text string) *strangerpb.Text { return &strangerpb.Text{Text: text} }, (*strangerpb.Text).GetText)
}

func void(call func(context.Context, *common.Note, ...callopt.Option) error) method {
	return func(ctx context.Context, text string, options ...callopt.Option) (*string, error) {
		return answered("done", call(ctx, &common.Note{Text: text}, options...))
	}
}

func answered(text string, err error) (*string, error) {
	if err != nil {
		return nil, err
	}
	return &text, nil
}

// methods makes a client for a service of the IDL files and lists its methods by their IDL names.
// Services of the files stranger.thrift and strangerpb.proto are written with "stranger." and "strangerpb." before them.
func methods(service string, dial Dial) (map[string]method, error) {
	options, err := dial.options()
	if err != nil {
		return nil, err
	}
	dest := dial.destination()
	switch service {
	case "Everything":
		c, err := everything.NewClient(dest, options...)
		if err != nil {
			return nil, err
		}
		return everythingMethods(c), nil
	case "Second":
		c, err := second.NewClient(dest, options...)
		if err != nil {
			return nil, err
		}
		return map[string]method{"say": note(c.Say), "only_second": note(c.OnlySecond)}, nil
	case "ServiceA":
		c, err := servicea.NewClient(dest, options...)
		if err != nil {
			return nil, err
		}
		return map[string]method{"Echo1": note(c.Echo1), "EchoA": note(c.EchoA)}, nil
	case "ServiceB":
		c, err := serviceb.NewClient(dest, options...)
		if err != nil {
			return nil, err
		}
		return map[string]method{"Echo2": note(c.Echo2), "EchoB": note(c.EchoB)}, nil
	case "ServiceC":
		c, err := servicec.NewClient(dest, options...)
		if err != nil {
			return nil, err
		}
		return map[string]method{"Echo1": note(c.Echo1), "EchoC": note(c.EchoC)}, nil
	case "CombA":
		c, err := comba.NewClient(dest, options...)
		if err != nil {
			return nil, err
		}
		return map[string]method{"Echo1": note(c.Echo1)}, nil
	case "CombB":
		c, err := combb.NewClient(dest, options...)
		if err != nil {
			return nil, err
		}
		return map[string]method{"Echo2": note(c.Echo2)}, nil
	case "CombineService":
		c, err := combineservice.NewClient(dest, options...)
		if err != nil {
			return nil, err
		}
		return map[string]method{"Echo1": note(c.Echo1), "Echo2": note(c.Echo2)}, nil
	case "Proto":
		c, err := proto.NewClient(dest, options...)
		if err != nil {
			return nil, err
		}
		return map[string]method{"Say": textpb(c.Say), "OnlyProto": textpb(c.OnlyProto), "Types": scalars(c.Types)}, nil
	case "PbA":
		c, err := pba.NewClient(dest, options...)
		if err != nil {
			return nil, err
		}
		return map[string]method{"Echo1": textpb(c.Echo1), "EchoP": textpb(c.EchoP)}, nil
	case "stranger.Everything":
		c, err := strangeeverything.NewClient(dest, options...)
		if err != nil {
			return nil, err
		}
		return map[string]method{"absent": note(c.Absent), "only_second": note(c.OnlySecond)}, nil
	case "stranger.Stranger":
		c, err := stranger.NewClient(dest, options...)
		if err != nil {
			return nil, err
		}
		return map[string]method{
			"absent": note(c.Absent), "only_second": note(c.OnlySecond), "Echo1": note(c.Echo1), "Echo2": note(c.Echo2),
		}, nil
	case "stranger.ServiceA":
		c, err := strangea.NewClient(dest, options...)
		if err != nil {
			return nil, err
		}
		return map[string]method{"EchoB": note(c.EchoB), "absent": note(c.Absent)}, nil
	case "strangerpb.Proto":
		c, err := strangeproto.NewClient(dest, options...)
		if err != nil {
			return nil, err
		}
		return map[string]method{"Absent": strangepb(c.Absent)}, nil
	case "strangerpb.Stranger":
		c, err := strangerpbsvc.NewClient(dest, options...)
		if err != nil {
			return nil, err
		}
		return map[string]method{"Absent": strangepb(c.Absent), "OnlyProto": strangepb(c.OnlyProto)}, nil
	}
	return nil, fmt.Errorf("unknown service %q", service)
}

func everythingMethods(c everything.Client) map[string]method {
	return map[string]method{
		"inherited": note(c.Inherited),
		"say":       note(c.Say),
		"fails":     note(c.Fails),
		"nothing":   void(c.Nothing),
		"refuses":   void(c.Refuses),
		"push":      void(c.Push),
		"ping": func(ctx context.Context, _ string, options ...callopt.Option) (*string, error) {
			return answered("done", c.Ping(ctx, options...))
		},
		"sum": func(ctx context.Context, text string, options ...callopt.Option) (*string, error) {
			var a int32
			var b int64
			if _, err := fmt.Sscan(text, &a, &b); err != nil {
				return nil, err
			}
			sum, err := c.Sum(ctx, a, b, options...)
			return answered(fmt.Sprint(sum), err)
		},
		"swap": func(ctx context.Context, text string, options ...callopt.Option) (*string, error) {
			words, err := c.Swap(ctx, parsePairs(text), options...)
			return answered(pairs(words), err)
		},
		"types": func(ctx context.Context, text string, options ...callopt.Option) (*string, error) {
			sample, err := typesSample(text)
			if err != nil {
				return nil, err
			}
			got, err := c.Types(ctx, sample, options...)
			if err != nil {
				return nil, err
			}
			return answered("same", sameTypes(got))
		},
	}
}

func scalars(call func(context.Context, *interoppb.Scalars, ...callopt.Option) (*interoppb.Scalars, error)) method {
	return func(ctx context.Context, text string, options ...callopt.Option) (*string, error) {
		sample, err := scalarsSample(text)
		if err != nil {
			return nil, err
		}
		got, err := call(ctx, sample, options...)
		if err != nil {
			return nil, err
		}
		return answered("same", sameScalars(got))
	}
}

// pairs writes a map as k=v,k=v, sorted by key.
func pairs(values map[string]string) string {
	words := make([]string, 0, len(values))
	for key, value := range values {
		words = append(words, key+"="+value)
	}
	sort.Strings(words)
	return strings.Join(words, ",")
}

func parsePairs(text string) map[string]string {
	values := map[string]string{}
	for _, word := range strings.Split(text, ",") {
		if key, value, found := strings.Cut(word, "="); found {
			values[key] = value
		}
	}
	return values
}

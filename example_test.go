package uringserve_test

import (
	"fmt"
	"io"
	"net/http"

	"github.com/uringserve/uringserve"
	"github.com/uringserve/uringserve/app"
)

func ExampleServer() {
	hello := app.HandlerFunc(func(req *app.Request, resp *app.Response) {
		resp.WriteString("hello, " + string(req.Path))
	})
	server := uringserve.Server{App: hello}
	addrs, err := server.Listen("127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := server.Start(); err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()

	resp, err := http.Get("http://" + addrs[0].String() + "/world")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	fmt.Println(resp.Proto, string(body))
	// Output: HTTP/1.1 hello, /world
}

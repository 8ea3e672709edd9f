// A service by gin: binding and checking of JSON, a file that is uploaded, a
// stream of lines.
//
//	go run ./gin
//	curl -F file=@README.md localhost:8080/upload; curl -N 'localhost:8080/lines?n=5'
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/uringserve/uringserve"
)

// maxUpload is the longest body of a request, in bytes.
const maxUpload = 8 << 20

// order is what a client sends to /orders.
type order struct {
	Item   string `json:"item" binding:"required"`
	Amount int    `json:"amount" binding:"gte=1,lte=100"`
}

func main() {
	log.Fatal(uringserve.ListenAndServe("localhost:8080", handler()))
}

func handler() http.Handler {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.Use(gin.CustomRecoveryWithWriter(io.Discard, func(c *gin.Context, _ any) { c.Status(http.StatusInternalServerError) }))
	r.POST("/orders", place)
	r.POST("/upload", upload)
	r.GET("/lines", lines)
	r.GET("/broken", func(*gin.Context) { panic("a bug") })
	return r
}

func place(c *gin.Context) {
	var o order
	if err := c.ShouldBindJSON(&o); err != nil {
		c.JSON(http.StatusBadRequest, gin.H{"error": err.Error()})
		return
	}
	c.JSON(http.StatusCreated, gin.H{"ordered": fmt.Sprintf("%d × %s", o.Amount, o.Item)})
}

func upload(c *gin.Context) {
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxUpload)
	file, err := c.FormFile("file")
	if err != nil {
		c.String(http.StatusBadRequest, err.Error())
		return
	}
	c.String(http.StatusOK, "%s has %d bytes", file.Filename, file.Size)
}

// lines sends n lines, each as soon as it is written, until the client has gone.
func lines(c *gin.Context) {
	var query struct {
		N int `form:"n" binding:"gte=0,lte=1000"`
	}
	if err := c.ShouldBindQuery(&query); err != nil {
		c.String(http.StatusBadRequest, err.Error())
		return
	}
	i := 0
	c.Stream(func(w io.Writer) bool {
		i++
		if i <= query.N {
			fmt.Fprintf(w, "line %d\n", i)
		}
		return i < query.N
	})
}

package app

import "github.com/lazaret/lazaret/gateway"

// follow tells those who work along the active streams which ones there are.
func (a *App) follow(streams []gateway.Stream) {
	a.sources.follow(streams)
	a.recent.Follow(streams)
}

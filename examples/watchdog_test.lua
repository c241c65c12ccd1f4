-- When examples/watchdog.lua starts a service again, and when it does not.
local t = require "test"

local SERVICE, RESTART = "127.0.0.1:53", "/etc/init.d/dnsmasq"

t.tcp(SERVICE, {})
t.exec(RESTART, "")

t.case("a service that answers is left alone", function()
	t.advance("1h")
	t.equal(t.values("watchdog.alive"), { true })
	t.equal(t.ran(""), {})
end)

t.case("the third failure in a row starts it again", function()
	t.advance("30s")
	t.tcp(SERVICE, false)
	t.advance("60s")
	t.equal(t.values("watchdog.alive"), { true, false })
	t.equal(t.ran(RESTART), {})
	t.advance("30s")
	t.equal(#t.ran(RESTART), 1)
	t.equal(t.last("watchdog.restarts"), 1)
	t.contains(t.last("watchdog.reason"), "cannot connect to 127.0.0.1:53")
	t.tcp(SERVICE, {})
	t.advance("1h")
	t.equal(t.values("watchdog.alive"), { true, false, true })
	t.equal(#t.ran(RESTART), 1)
end)

t.case("what does not help is done ever more seldom", function()
	t.tcp(SERVICE, false)
	t.advance("6h")
	t.ok(#t.ran(RESTART) >= 9 and #t.ran(RESTART) <= 13, #t.ran(RESTART) .. " restarts")
end)

t.case("a restart that fails is tried again", function()
	t.tcp(SERVICE, false)
	t.exec(RESTART, { status = 1, err = "no such service\n" })
	t.advance("10m")
	t.logged("no such service")
	t.ok(#t.ran(RESTART) > 1)
end)

local program = { params = { check = "pgrep dnsmasq" } }

t.case("a program may say how the service is", program, function()
	t.exec("pgrep", { status = 1 })
	t.advance("90s")
	t.equal(t.ran("pgrep")[1], "pgrep dnsmasq")
	t.equal(#t.ran(RESTART), 1)
end)

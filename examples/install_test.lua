-- What examples/install.lua does: software is fetched, checked and installed, or refused.
local t = require "test"

local SUM = ("9f86d081"):rep(8)
local URL = "https://host/pump_2.0.ipk"
local INSTALLED = "/tmp/neap-install/installed"

local software = { type = "pump", revision = "2.0", url = URL .. "#sha256=" .. SUM }

t.file(INSTALLED, false)
t.http(URL, "the package")
t.exec("mkdir", "")
t.exec("sha256sum", SUM .. "  /tmp/neap-install/package\n")
t.exec("opkg install", "")

t.case("software is fetched, checked and installed", function()
	t.start()
	t.equal(t.last("device.software"), "as delivered")
	t.accepted(t.task.install(software))
	t.equal(t.file("/tmp/neap-install/package"), "the package")
	t.equal(t.ran("opkg"), { "opkg install /tmp/neap-install/package" })
	t.equal(t.last("device.software"), "pump 2.0")
	t.equal(t.file(INSTALLED), "pump 2.0\n")
end)

t.case("what has another checksum is not installed", function()
	t.exec("sha256sum", ("0"):rep(64) .. "  package\n")
	t.refused(t.task.install(software), "the package's checksum is 000")
	t.equal(t.ran("opkg"), {})
	t.equal(t.last("device.software"), "as delivered")
end)

t.case("what carries no checksum is not even fetched", function()
	t.refused(t.task.install({ type = "pump", revision = "2.0", url = URL }), "#sha256=")
	t.equal(t.requests(""), {})
end)

t.case("a fetch that fails, and one that hangs", function()
	t.http(URL, { status = 404 })
	t.refused(t.task.install(software), "the server answers with status 404")
	t.http(URL, { takes = "1h" })
	t.refused(t.task.install(software), "took longer than 20m")
end)

t.case("after a restart it says what is installed", function()
	t.file(INSTALLED, "pump 2.0\n")
	t.start()
	t.equal(t.last("device.software"), "pump 2.0")
end)

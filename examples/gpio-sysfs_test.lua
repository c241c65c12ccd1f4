-- What examples/gpio-sysfs.lua reads and writes.
local t = require "test"

local GPIO = "/sys/class/gpio/"

t.file(GPIO .. "gpio17/value", "0\n")
t.file(GPIO .. "gpio17/direction", "")
t.file(GPIO .. "gpio27/value", "")
t.file(GPIO .. "gpio27/direction", "")

t.case("the door is reported when it moves", function()
	t.advance("10s")
	t.file(GPIO .. "gpio17/value", "1\n")
	t.advance("10s")
	t.equal(t.values("io.door"), { false, true })
	t.matches(t.file(GPIO .. "gpio17/direction"), "^in")
	t.quiet()
end)

t.case("the lamp is set at the start, and by the server", function()
	t.start()
	t.equal(t.file(GPIO .. "gpio27/value"), "0")
	t.file(GPIO .. "gpio27/value", "") -- a file of the kernel has no end to append at
	t.accepted(t.task.write("io.lamp", true))
	t.equal(t.file(GPIO .. "gpio27/value"), "1")
	t.equal(t.last("io.lamp"), true)
end)

t.case("a line is exported first", function()
	t.file(GPIO .. "gpio17/value", false)
	t.file(GPIO .. "export", "")
	t.start()
	t.equal(t.file(GPIO .. "export"), "17")
	t.ok(t.bad("io.door"))
end)

-- What scripts/network.lua makes of the kernel's counters.
local t = require "test"

local ETH0 = "/sys/class/net/eth0/"

local function counters(rx, tx)
	t.file(ETH0 .. "statistics/rx_bytes", rx .. "\n")
	t.file(ETH0 .. "statistics/tx_bytes", tx .. "\n")
end

t.file("/proc/sys/kernel/random/boot_id", "one\n")
t.file("/sys/class/net/", false)
t.file(ETH0, "")
t.file(ETH0 .. "carrier", "1\n")
for _, name in ipairs { "rx_packets", "tx_packets", "rx_errors", "tx_errors" } do
	t.file(ETH0 .. "statistics/" .. name, "7\n")
end
counters(5000000000, 300)

t.case("what there is is reported, the rest is not", function()
	t.advance("1h")
	t.equal(t.last("network.eth0.rx.bytes"), 5e9)
	t.equal(t.last("network.eth0.tx.bytes"), 300)
	t.equal(t.last("network.eth0.rx.packets"), 7)
	t.equal(t.last("network.eth0.tx.errors"), 7)
	t.equal(t.last("network.eth0.carrier"), true)
	t.equal(t.count("network.eth0.rx.bytes"), 13)
	t.equal(t.count("network.wlan0.rx.bytes"), 0)
	t.quiet()
end)

t.case("a counter of 32 bits goes through its end", function()
	counters(2 ^ 32 - 100, 0)
	t.start()
	counters(400, 0)
	t.advance("5m")
	t.equal(t.last("network.eth0.rx.bytes"), 2 ^ 32 + 400)
end)

t.case("a counter that begins anew", function()
	t.start()
	counters(1000, 40)
	t.advance("5m")
	t.equal(t.last("network.eth0.rx.bytes"), 5e9 + 1000)
	t.equal(t.last("network.eth0.tx.bytes"), 340)
	counters(1500, 50)
	t.advance("5m")
	t.equal(t.last("network.eth0.rx.bytes"), 5e9 + 1500)
	t.equal(t.last("network.eth0.tx.bytes"), 350)
end)

t.case("sums go on over a reload, and over a restart of the device", function()
	t.start()
	t.reload()
	counters(5000000010, 310)
	t.advance("5m")
	t.equal(t.last("network.eth0.rx.bytes"), 5000000010)
	t.file("/proc/sys/kernel/random/boot_id", "two\n")
	t.reload()
	counters(6000000000, 5)
	t.advance("5m")
	t.equal(t.last("network.eth0.rx.bytes"), 5000000010 + 6000000000)
	t.equal(t.last("network.eth0.tx.bytes"), 315)
end)

t.case("the carrier is reported when it changes, and once an hour", function()
	t.start()
	t.file(ETH0 .. "carrier", function()
		t.fail("file.read: Invalid argument", "EINVAL") -- as an interface that is down
	end)
	t.advance("2h")
	t.equal(t.values("network.eth0.carrier"), { true, false, false })
	t.quiet()
end)

local ppp = { params = { interfaces = { "ppp0" }, period = "1m" } }

t.case("interfaces of one's own choice", ppp, function()
	t.file("/sys/class/net/ppp0/", "")
	t.file("/sys/class/net/ppp0/carrier", "0\n")
	t.file("/sys/class/net/ppp0/statistics/", "1\n")
	t.advance("10m")
	t.equal(t.count("network.ppp0.tx.bytes"), 11)
	t.equal(t.count("network.eth0.tx.bytes"), 0)
end)

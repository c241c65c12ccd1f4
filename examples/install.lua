-- Software that the server sends: fetched, checked, installed, reported.
--
-- The task's url carries the checksum behind it, https://host/pump_2.0.ipk#sha256=9f86d0...: what
-- does not match it is never installed. `install` is the command that takes the file.

local cfg = params { dir = "/tmp/neap-install", install = "opkg install" }

local installed = cfg.dir .. "/installed"
local package = cfg.dir .. "/package"

local device = asset("device", { label = "Device" })
device:variable("software", { label = "Software", type = "string" })

local function fetch(url, checksum)
	http.get(url, { to = package, timeout = "20m", limit = "64MB" })
	local found = exec { "sha256sum", package, timeout = "1m" }.out:match("^%x+")
	if found ~= checksum:lower() then
		error(("the package's checksum is %s, not %s"):format(found, checksum), 0)
	end
end

-- An error refuses: the server hears its text.
on("install", function(software)
	local url, checksum = software.url:match("^(https?://[^#]+)#sha256=(%x+)$")
	if not url then
		return nil, "the url must begin with http and end in #sha256= and the checksum"
	end
	exec { "mkdir", "-p", cfg.dir }
	fetch(url, checksum)
	exec(cfg.install .. " " .. package, { timeout = "10m" })
	local name = software.type .. " " .. software.revision
	file.write(installed, name .. "\n")
	device:push("software", name)
	log.info("installed", name)
end, { timeout = "40m" })

on("connected", function()
	local name = file.exists(installed) and file.read(installed):match("^[^\n]*") or "as delivered"
	device:push("software", name)
end)

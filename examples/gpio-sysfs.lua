-- Digital lines by sysfs: files, for kernels that are too old for gpio.input and gpio.output, or
-- boards whose drivers make files of their own.
--
-- A line is exported by its number and then has a folder. An input is read in a period here, so
-- a pulse between two reads is missed; gpio.input("DI1", { run = ... }) misses none.

local cfg = params { folder = "/sys/class/gpio", input = 17, output = 27 }

local io = asset("io", { label = "Digital lines" })

local function path_of(line, name)
	return ("%s/gpio%d/%s"):format(cfg.folder, line, name)
end

-- The kernel takes one write for one order. Whoever exported the line before, it stays so.
local function prepare(line, direction)
	if not file.exists(path_of(line, "value")) then
		file.append(cfg.folder .. "/export", tostring(line))
	end
	if file.exists(path_of(line, "direction")) then -- some lines have only one
		file.append(path_of(line, "direction"), direction)
	end
end

-- A line that is not there makes its variable bad, and is tried again with each read.
io:variable("door", {
	label = "Door is open", type = "boolean", every = "1s", report = { heartbeat = "1h" },
	read = function()
		prepare(cfg.input, "in")
		return file.read(path_of(cfg.input, "value")):sub(1, 1) == "1"
	end,
})

-- The server's wish is done when the write succeeded; the value is read back from the line. After
-- a restart the line is set to what was wished last.
io:setting("lamp", {
	label = "Lamp", type = "boolean", default = false, at_start = "write",
	read = function()
		return file.read(path_of(cfg.output, "value")):sub(1, 1) == "1"
	end,
	write = function(on)
		prepare(cfg.output, "out")
		file.append(path_of(cfg.output, "value"), on and "1" or "0")
	end,
})

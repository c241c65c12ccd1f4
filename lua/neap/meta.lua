---@meta neap
-- The whole API of device scripts: for editors (LuaLS), and what neap-lua(7), `neap help` and the
-- REPL's :help are made of. Never run: lua/neap/ has the code, and a test compares the two.
--
-- "X if left out" is what a field's default is; classes that scripts pass have the fields that
-- check.kinds has in the code. A line "-- ----- TEXT" begins a chapter of the manual.
-- luacheck: ignore 111 112 121 122 212 241

-- ---------------------------------------------------------------- values

--- A time span: a number of seconds, or text with a unit: "250ms", "10s", "5m", "1h", "2d".
---@alias neap.duration number|string

--- A period: a duration, or a setting that holds one and is followed when it changes.
---@alias neap.period neap.duration|neap.setting

--- What the server knows. int: whole, 32 bit. double: finite. string: UTF-8, 16,000 bytes at most.
--- date: in Lua a number of seconds since 1970, as now() gives it. binary: any bytes.
---@alias neap.type
---| "double" # the default
---| "int"
---| "boolean"
---| "string"
---| "date"
---| "binary"

---@alias neap.value number|boolean|string

-- ---------------------------------------------------------------- assets

--- What has variables, settings and commands. Several scripts may share one; its paths are
--- "ID.NAME". All declarations are made while the script loads.
---@class neap.asset
local asset_methods = {}

---@class neap.asset_options
---@field label? string # what the server shows
---@field parallel? boolean # tasks on it run side by side, not one after the other

--- Makes an asset, or gives the one of that id.
---@param id string letters, digits, _ and -
---@param options? neap.asset_options
---@return neap.asset
function asset(id, options) end

--- Reports by exception: a value that was read is sent only if it is worth it. The first one, and
--- the first one after a failure, always is.
---@class neap.report
--- The least change: absolute, or a share of the last value such as "5%"; without it any
--- difference counts.
---@field change? number|string
---@field heartbeat? neap.duration # the longest silence: then the value is sent unchanged
---@field min_gap? neap.duration # the shortest gap between two

--- Reports by windows: of all that is read in one, only `values` are sent, as paths of their own
--- ("machine.vibration.mean"), with the time of its end. Windows begin at whole multiples of their
--- length in UTC; the first one and, at a stop, the last one are shorter, as count tells. A failed
--- read is left out; of an empty window only count is sent. The median is taken from 1,000 readings
--- at most. A reload changes nothing, unless it changes the window: then what it had is lost.
---@class neap.window_report
---@field window neap.duration # how long it is
---@field values neap.window_value[] # what is sent of it

---@alias neap.window_value
---| "mean"
---| "min"
---| "max"
---| "first"
---| "last"
---| "sum"
---| "count"
---| "median"

---@class neap.variable_options
---@field type? neap.type
---@field label? string # what the server shows
---@field unit? string # "Cel", "s", "%"
---@field policy? string # a policy's name: "default" if left out
--- Gives the value; error(), nil or nil, "why" makes the variable bad. May wait. Without it the
--- variable is only pushed.
---@field read? fun(): neap.value?, string?
--- Reads at the start and then each period; needs read. A time that is missed is skipped.
---@field every? neap.period
---@field timeout? neap.duration # of read: 10s if left out
---@field ttl? neap.duration # a task that is older is refused; without it none is
---@field report? neap.report|neap.window_report # needs every
--- In time series (encoding = "ts" or "tsz") values go as whole numbers, times this: 10 for a
--- resolution of 0.1. Without it, it is found from the values of each message.
---@field factor? number

--- Declares a variable. A read that fails is that variable's matter alone: told in the log once
--- per change, tried again ever more seldom (up to 10 periods, or 5 minutes), never sent as zero.
---@param name string may hold dots: "indoor.temperature"
---@param options? neap.variable_options
function asset_methods:variable(name, options) end

---@class neap.group_variable
---@field type? neap.type
---@field label? string
---@field unit? string
---@field policy? string # without it the group's
---@field report? neap.report|neap.window_report # needs the group's every
---@field factor? number # as of a variable

---@class neap.group_options
---@field variables table<string, neap.group_variable> # by name
--- Gives the values by name; one that is left out is not sent.
---@field read fun(): table<string, neap.value>?, string?
---@field every? neap.period # reads at the start and then each period
---@field timeout? neap.duration # of read: 10s if left out
---@field policy? string # of those that name none: "default" if left out

--- Declares variables that are read together, at one time.
---@param options neap.group_options
function asset_methods:group(options) end

--- What registers mean. Wider values take several registers: which of them comes first is `words`.
---@class neap.register_format
---@field as? "u16"|"s16"|"u32"|"s32"|"u64"|"s64"|"f32"|"f64"|"bits"|"string" # "u16" if left out
--- The register with the highest bits comes first, or last; without it as the map says, or "big".
---@field words? "big"|"little"
---@field scale? number # value = raw * scale + offset: 1 if left out
---@field offset? number # 0 if left out
---@field bit? integer # of as = "bits": the lowest, 0 to 15
---@field bits? integer # how many from there up; without it one, which is a boolean
---@field registers? integer # of as = "string": how many

---@class neap.register_variable: neap.register_format, neap.group_variable
---@field reg integer # the address, counted from 0: 40001 of a manual is 0 here
---@field table? neap.modbus_table # without it the map's

---@class neap.modbus_options
---@field bus neap.modbus_bus # as modbus.rtu or modbus.tcp gives it
---@field unit integer # the device on the bus
---@field variables table<string, neap.register_variable> # by name
---@field every? neap.period # reads at the start and then each period
---@field words? "big"|"little" # for all that do not say otherwise: "big" if left out
---@field table? neap.modbus_table # for all that do not say otherwise: "holding" if left out
--- So many registers that nobody asked for are read along to save a query: 0 if left out.
---@field gap? integer
---@field max? integer # registers of one query, for devices that take fewer than the 125 of Modbus
---@field policy? string # of those that name none: "default" if left out
---@field timeout? neap.duration # of a read, with its time in the bus's queue: 10s if left out

---@alias neap.modbus_table
---| "holding" # holding registers
---| "input" # input registers
---| "coils"
---| "inputs" # discrete inputs

--- Declares variables that are read from a Modbus device's registers. Neighbours come in one query
--- and have one time; what cannot be read makes those variables bad that come with it, no other.
---@param options neap.modbus_options
function asset_methods:modbus(options) end

---@class neap.counter_options
---@field gpio? string # the name of a digital input: its pulses count
---@field edge? "rising"|"falling"|"both" # which of its edges: "rising" if left out
---@field debounce? neap.duration # the line has to be at rest for so long
---@field active_low? boolean # on is the low level: false if left out
---@field bias? "as is"|"up"|"down"|"off" # the pull resistor: "as is" if left out
---@field scale? number # value = count * scale: 1 if left out
---@field rollover? integer # for follow: the count after which the other device begins at 0 again
---@field save? neap.duration # a loss of power may cost what was counted in it: 10m if left out
---@field every? neap.period # sends the value so often
---@field report? neap.report|neap.window_report # needs every
---@field label? string # what the server shows
---@field unit? string # "m3", "kWh"
---@field policy? string # a policy's name: "default" if left out

--- Declares a variable that counts, from 0 or, after a reload or a restart, from where it was.
---@param name string
---@param options? neap.counter_options
---@return neap.counter
function asset_methods:counter(name, options) end

---@class neap.counter
local counter_methods = {}

--- Counts so many more; 1 if left out.
---@param n? integer
function counter_methods:add(n) end

--- What another device has counted so far: the difference from the last time is added, also if neap
--- did not run meanwhile.
---@param raw integer
function counter_methods:follow(raw) end

--- The value, scaled.
---@return number
function counter_methods:get() end

--- From now on it is that, scaled: after an exchange of the meter.
---@param value number
function counter_methods:set(value) end

---@class neap.setting_options
---@field type? neap.type
---@field label? string
---@field unit? string
---@field policy? string # for what :set() reports: "default" if left out
---@field default? neap.value # before somebody writes it; without it there is no value then
---@field min? number
---@field max? number
--- Refuses by error(), false, or nil, "why"; the old value stays then. May wait.
---@field write? fun(new: neap.value, old: neap.value?): boolean?, string?
---@field read? fun(): neap.value?, string? # where the value really lives, also after a write
--- "write": the handler runs when the agent starts, with old = nil. "none" if left out.
---@field at_start? "none"|"write"
---@field timeout? neap.duration # of read and of write: 10s if left out
---@field ttl? neap.duration # a task that is older is refused; without it none is

--- Declares a setting: the server may write it, and it survives a restart. A kept value that does
--- not fit any more falls back to the default, with a warning.
---@param name string
---@param options? neap.setting_options
---@return neap.setting
function asset_methods:setting(name, options) end

---@class neap.param
---@field type? neap.type
---@field label? string
---@field default? neap.value # without it the parameter must be given
---@field min? number
---@field max? number

---@class neap.command_options
--- Refuses like a setting's write. May wait.
---@field run fun(params: table<string, neap.value>): boolean?, string?
---@field label? string
---@field params? table<string, neap.param> # by name
---@field timeout? neap.duration # of run: 30s if left out
---@field ttl? neap.duration # an order that is older is refused: 10m if left out
---@field repeatable? boolean # may run again when a crash interrupted it: false if left out

--- Declares a command that the server can start.
---@param name string
---@param options neap.command_options
function asset_methods:command(name, options) end

---@class neap.push_options
---@field time? number # when it was measured, in seconds since 1970; without it now

--- Sends a value of a variable that is declared in this script, or a list of values:
--- {{"rpm", 900}, {"load", 0.5, time = t}}. Under a durable policy it returns when all is safe on
--- disk. Raises what is wrong with the value.
---@param name string
---@param value neap.value
---@param options? neap.push_options
---@overload fun(self: neap.asset, list: { [1]: string, [2]: neap.value, time?: number }[])
function asset_methods:push(name, value, options) end

---@class neap.setting
local setting_methods = {}

--- The value as the agent knows it; nil before there is one.
---@return neap.value?
function setting_methods:get() end

--- As if the server had written it: checked, handled, kept, and reported. Raises if it is refused.
---@param value neap.value
function setting_methods:set(value) end

-- ---------------------------------------------------------------- policies

---@class neap.policy_fields
---@field flush? neap.duration|"now" # a batch leaves so long after its first: 30s if left out
---@field jitter? neap.duration # up to this is added at random, to spread a fleet: 0s if left out
---@field max_samples? integer # a batch of so many leaves at once: 500 if left out
---@field priority? "high"|"normal"|"low" # what leaves first: "normal" if left out
---@field durable? boolean # push returns when it is on disk: false if left out
---@field limit? string|integer # of the queue, in bytes or as "2MB": 8MB if left out
---@field full? "drop_oldest"|"drop_newest"|"thin" # at the limit: "drop_oldest" if left out
--- Of the bodies; ts: time series in CBOR, tsz: the same with zlib. "json" if left out.
---@field encoding? "json"|"ts"|"tsz"

--- Declares a policy: a queue, and when it is sent. Policies are the agent's: two scripts that
--- declare the same one must agree. neap.yaml overrides each field. "default" is there already.
---@param name string letters, digits, _ and -, 32 at most
---@param fields? neap.policy_fields
---@return string name
function policy(name, fields) end

-- ---------------------------------------------------------------- handlers

--- Runs a function each period, the first time one period after the start. It does not overlap
--- itself; a time that is missed is skipped.
---@param period neap.period
---@param name? string for the log; without it the line
---@param run fun()
---@overload fun(period: neap.period, run: fun())
function every(period, name, run) end

---@class neap.cron_options
--- "local" (the device's), "UTC", a name such as "Europe/Paris", or a rule such as
--- "CET-1CEST,M3.5.0,M10.5.0/3": "local" if left out.
---@field zone? string
---@field jitter? neap.duration # up to this much later, at random, to spread a fleet

--- Runs a function by the calendar: minute, hour, day of the month, month, day of the week; each
--- "*", a number, a range, a list, with a step, or a name: "0 3 * * *", "*/15 8-17 * * mon-fri". If
--- both days are restricted, either is enough. It waits until the clock is set and follows it: what
--- a jump leaves out runs late if it is not an hour late, and a clock that goes back repeats
--- nothing. When clocks are put forward, what falls into the gap runs at its end; when they are put
--- back, a time that comes twice runs once (but with "*" hours, in each real hour). It does not
--- overlap itself.
---@param times string
---@param name? string for the log; without it the line
---@param run fun()
---@param options? neap.cron_options
---@overload fun(times: string, run: fun(), options?: neap.cron_options)
function cron(times, name, run, options) end

--- Which limit a rule has: one of above, below and is.
---@class neap.rule_options
---@field variable string # the path of a variable of this script, declared before
---@field above? number|neap.setting # raised by values above it, cleared by others
---@field below? number|neap.setting
---@field is? neap.value # raised by this value, cleared by others
---@field hysteresis? number|neap.setting # of above and below: back is so much on the other side
---@field hold? neap.duration # so long beyond it; 1s more if no value comes
---@field raise? fun(value: neap.value, time: number) # one of them at least; may wait
---@field clear? fun(value: neap.value, time: number)
---@field name? string # for messages and reloads; without it the path and the kind of limit

--- Runs a function when a variable goes beyond a limit, and one when it is back. Each value counts
--- that is read or pushed, sent or not. A failed read changes nothing. A reload keeps what is
--- raised, under its name; after a restart it is raised again.
---@param options neap.rule_options
---@return neap.rule
function rule(options) end

---@class neap.rule
local rule_methods = {}

--- Is it raised?
---@return boolean
function rule_methods:raised() end

---@alias neap.event
---| "start" # the agent runs; with the reason "reload": it ran before
---| "stop" # it is about to end: a few seconds are left; "removed": the script alone
---| "connected" # the link is up
---| "disconnected" # the link is down; the reason is given
---| "clock" # the time of day became known ("set"), or jumped ("step")
---| "reload" # this script is about to be replaced; its successor gets "start"
---| "full" # a queue is at its limit

--- Runs a function at an event. Several for one event run side by side. With "install" it runs when
--- the server sends software to install, as one task: in one script for the device, and no more. It
--- gets a neap.software, refuses like a command, and is not run again after a crash.
---@param event neap.event|"install"
---@param run fun(reason?: string)
---@param options? neap.install_options of "install" only
---@overload fun(event: "install", run: neap.installer, options?: neap.install_options)
function on(event, run, options) end

---@class neap.software
---@field type string
---@field revision string
---@field url string

---@alias neap.installer fun(software: neap.software): boolean?, string?

---@class neap.install_options
---@field timeout? neap.duration # of run: 30m if left out

--- Waits. In handlers only, not while the script loads.
---@param duration neap.duration a number of seconds, or text such as "250ms" or "5m"
function sleep(duration) end

--- Calls a function; if it fails: nil, the message without a place, and a code such as "ENOENT" or
--- "ETIMEDOUT" ("ERROR" where there is none).
---@param f function
---@param ... any
---@return any ...
function try(f, ...) end

--- What a failing call raises. As text: "machine.lua:12: message".
---@class neap.error
---@field message string
---@field code string
---@field where string

-- ---------------------------------------------------------------- the device

--- Files. All wait, so that a slow disk stops nothing else, and raise with the file's name and the
--- reason. Relative names count from where the agent was started: give whole ones.
---@class neap.file
file = {}

--- The whole content: 1 MB at most, of regular files only (those of /proc and /sys are such).
---@param path string
---@return string
function file.read(path) end

--- Replaces the file: a reader sees the old or the new one, also after a power cut. Below /sys,
--- /proc and /dev the text is written into what is there.
---@param path string
---@param text string|number
function file.write(path, text) end

--- Adds to the end; makes the file if it is not there.
---@param path string
---@param text string|number
function file.append(path, text) end

--- Is there anything of that name?
---@param path string
---@return boolean
function file.exists(path) end

---@class neap.stat
---@field kind "file"|"folder"|"other"
---@field size integer
---@field time number # of the last change, in seconds since 1970

--- What is there; nil if nothing is.
---@param path string
---@return neap.stat?
function file.stat(path) end

--- The names in a folder, sorted.
---@param path string
---@return string[]
function file.list(path) end

--- Removes a file, or an empty folder.
---@param path string
function file.remove(path) end

--- Moves a file, in the place of what is there; whole, also after a power cut.
---@param from string
---@param to string
function file.rename(from, to) end

---@class neap.watch_options
---@field quiet? neap.duration # many changes are one until none came for so long: 200ms if left out

--- Calls run(path) when a file is changed, made, replaced or removed; of a folder, with a slash at
--- the end of its name, when anything in it is. Begins when the script starts.
---@param path string
---@param run fun(path: string)
---@param options? neap.watch_options
---@return neap.watch
function file.watch(path, run, options) end

---@class neap.watch
local watch_methods = {}

--- Ends it.
function watch_methods:close() end

--- Digital inputs and outputs, by the kernel's character device. A line has the name that the board
--- gives it ("DI1"; gpioinfo lists them), or is named by its place, "gpiochip0:12".
---@class neap.gpio
gpio = {}

---@class neap.input_options
---@field edge? "rising"|"falling"|"both" # what run is called at: "both" if left out
---@field debounce? neap.duration # the line has to be at rest for so long
---@field active_low? boolean # on is the low level: false if left out
---@field bias? "as is"|"up"|"down"|"off" # the pull resistor: "as is" if left out
--- Called at each edge, in order, one after the other: the level after it, its time by the kernel,
--- in seconds since 1970, and how many edges it stands for (above 1 if there were more than the
--- kernel had room for).
---@field run? fun(on: boolean, time: number, edges: integer)

--- An input. With `run` it is watched from the script's start on; if the line is not there, or is
--- gone later, that is told once, and it is tried again.
---@param name string
---@param options? neap.input_options
---@return neap.input
function gpio.input(name, options) end

---@class neap.input
local input_methods = {}

--- The level now.
---@return boolean
function input_methods:get() end

--- The edges since it was opened.
---@return integer
function input_methods:count() end

--- Gives the line back; so do the end of a close variable and of the script.
function input_methods:close() end

---@class neap.output_options
---@field active_low? boolean # on is the low level: false if left out

--- An output, which is taken when it is first set.
---@param name string
---@param options? neap.output_options
---@return neap.output
function gpio.output(name, options) end

---@class neap.output
local output_methods = {}

--- Sets the level.
---@param on boolean
function output_methods:set(on) end

--- As it was set last; nil before that.
---@return boolean?
function output_methods:get() end

--- Gives the line back.
function output_methods:close() end

---@class neap.serial_options
---@field port string # the path of the device
---@field speed? integer # 9600 if left out
---@field data? integer # bits: 8 if left out
---@field parity? "none"|"even"|"odd" # "none" if left out
---@field stop? integer # bits: 1 if left out
---@field flow? "none"|"rts/cts"|"xon/xoff" # "none" if left out
---@field rs485? boolean # the driver switches the transmitter: false if left out
--- Of each exchange, without its time in the port's queue: 1s if left out.
---@field timeout? neap.duration

--- How an answer ends; at least one of the first three.
---@class neap.read_options
---@field ends? string|string[] # with this, or one of up to four; the answer includes it
---@field count? integer # after so many bytes
---@field gap? neap.duration # when nothing more has come for so long
---@field timeout? neap.duration # without it the port's

--- Serial lines. All wait and raise with the device and the reason: "ETIMEDOUT" if no answer came.
---@class neap.serial
serial = {}

--- A line: opened, exclusively, when it is first used, and again after it was unplugged. Scripts
--- that open the same port with the same parameters share it, one exchange at a time.
---@param options neap.serial_options
---@return neap.serial_line
function serial.open(options) end

---@class neap.serial_line
local line_methods = {}

--- Writes, and waits until it is out.
---@param text string
function line_methods:write(text) end

--- Reads an answer, with what came in before.
---@param options neap.read_options
---@return string
function line_methods:read(options) end

--- Throws away what came in before, writes, and reads the answer.
---@param text string
---@param options neap.read_options
---@return string
function line_methods:transact(text, options) end

--- Gives the line back; so do the end of a close variable and of the script.
function line_methods:close() end

--- Modbus. A unit that does not answer three times running is left alone for a growing time, up to
--- a minute ("EHOSTDOWN"), so that it does not delay the others.
---@class neap.modbus
modbus = {}

--- Modbus RTU on a serial line; the timeout is that of one query.
---@param options neap.serial_options
---@return neap.modbus_bus
function modbus.rtu(options) end

---@class neap.modbus_tcp_options
---@field host string # a name or an address
---@field port? integer # 502 if left out
---@field timeout? neap.duration # of one query: 1s if left out

--- Modbus TCP.
---@param options neap.modbus_tcp_options
---@return neap.modbus_bus
function modbus.tcp(options) end

--- What a list of registers means.
---@param list integer[]
---@param format? neap.register_format
---@return neap.value
function modbus.decode(list, format) end

--- The registers of a value, for write_registers.
---@param value neap.value
---@param format? neap.register_format
---@return integer[]
function modbus.encode(value, format) end

--- A Modbus device answers "no" with "EREMOTEIO", and not at all with "ETIMEDOUT". Addresses count
--- from 0.
---@class neap.modbus_bus
local bus_methods = {}

--- Holding registers; one if no count is given.
---@param unit integer
---@param reg integer
---@param count? integer
---@return integer[]
function bus_methods:holding(unit, reg, count) end

--- Input registers.
---@param unit integer
---@param reg integer
---@param count? integer
---@return integer[]
function bus_methods:input(unit, reg, count) end

--- Coils.
---@param unit integer
---@param reg integer
---@param count? integer
---@return boolean[]
function bus_methods:coils(unit, reg, count) end

--- Discrete inputs.
---@param unit integer
---@param reg integer
---@param count? integer
---@return boolean[]
function bus_methods:inputs(unit, reg, count) end

--- Writes a holding register.
---@param unit integer
---@param reg integer
---@param value integer -32768 to 65535
function bus_methods:write_register(unit, reg, value) end

--- Writes several, in one query.
---@param unit integer
---@param reg integer
---@param values integer[]
function bus_methods:write_registers(unit, reg, values) end

--- Writes a coil.
---@param unit integer
---@param reg integer
---@param on boolean
function bus_methods:write_coil(unit, reg, on) end

--- Writes several, in one query.
---@param unit integer
---@param reg integer
---@param values boolean[]
function bus_methods:write_coils(unit, reg, values) end

--- Gives the bus back; so do the end of a close variable and of the script.
function bus_methods:close() end

--- TCP connections, to others only. All wait and raise with the peer and the reason.
---@class neap.tcp
tcp = {}

---@class neap.tcp_options
---@field host string # a name or an address
---@field port integer
--- To connect (with the look-up of the name), and for each write and read: 10s if left out.
---@field timeout? neap.duration

--- Connects.
---@param options neap.tcp_options
---@return neap.connection
function tcp.connect(options) end

--- Closed at the end of a close variable: local c <close> = tcp.connect{...}. Else when nobody
--- refers to it any more.
---@class neap.connection
local connection_methods = {}

--- Returns when the system has taken the text. What did not go out in time closes the connection.
---@param text string
function connection_methods:write(text) end

--- Without count and ends: what comes next, or nil when the other side has closed the connection.
---@class neap.tcp_read_options
---@field count? integer # so many bytes
---@field ends? string|string[] # up to this, or one of up to four; the answer includes it
--- The most that is waited for without an end: 64KB if left out, 1MB at most.
---@field limit? string|integer
---@field timeout? neap.duration # without it the connection's

--- Reads what the options say.
---@param options? neap.tcp_read_options
---@return string?
function connection_methods:read(options) end

--- Closes the connection.
function connection_methods:close() end

--- UDP. A socket with a peer (host, port) sends to it and receives from it alone. One that listens
--- (listen: a port, 0: any that is free) receives from anybody, at 127.0.0.1 unless an address is
--- given ("0.0.0.0": from all networks).
---@class neap.udp
udp = {}

---@class neap.udp_options
---@field host? string
---@field port? integer
---@field listen? integer
---@field address? string # to listen at; without it 127.0.0.1
---@field timeout? neap.duration # of a receive, and of the look-up of the name: 10s if left out

--- Opens a socket.
---@param options neap.udp_options
---@return neap.socket
function udp.open(options) end

---@class neap.socket
local socket_methods = {}

--- address and port: on a socket that listens, the address in digits.
---@param text string
---@param address? string
---@param port? integer
function socket_methods:send(text, address, port) end

---@class neap.receive_options
---@field timeout? neap.duration # without it the socket's

--- One datagram, and who sent it.
---@param options? neap.receive_options
---@return string text, string address, integer port
function socket_methods:receive(options) end

--- The port where it listens.
---@return integer?
function socket_methods:port() end

--- Closes the socket.
function socket_methods:close() end

--- What a program did. One of status and signal is nil.
---@class neap.exec_result
---@field status? integer # its exit status
---@field signal? integer # the signal that ended it
---@field out string # its standard output
---@field err string # its standard error output

---@class neap.exec_options
---@field timeout? neap.duration # 10s if left out
---@field input? string # for its standard input, which is empty without it
---@field limit? string|integer # of each output: 64KB if left out
--- More of its environment. It has PATH, HOME and TZ of the agent's, LC_ALL=C, and nothing else.
---@field env? table<string, string|number>
---@field cwd? string # the folder that it runs in; without it /
--- false: its exit status or signal is not looked at; true if left out.
---@field check? boolean

--- The program, its arguments, and the options, in one table.
---@class neap.exec_list: neap.exec_options
---@field [integer] string|number

--- Starts a program and waits for its end. Raises if it cannot be started ("ENOENT"), exits with
--- another status than 0 or by a signal ("EXIT"; the message has the last line of what it wrote to
--- standard error), takes too long ("ETIMEDOUT") or writes too much ("ENOBUFS"). It runs in a
--- session of its own and inherits no descriptor. When it has ended, when its time is over, and
--- when the script is closed, all that is left in its process group is ended, too: by SIGTERM, and
--- by SIGKILL a second later. What shall stay belongs to the service manager, or behind setsid(1).
---@param command string a text for /bin/sh
---@param options? neap.exec_options
---@return neap.exec_result
---@overload fun(command: neap.exec_list): neap.exec_result
function exec(command, options) end

--- HTTP and HTTPS, by the program that the device has: curl, uclient-fetch or wget. Raises with the
--- url and the reason: "HTTP" if the server's status is not one of success (200 to 299), "ENOBUFS"
--- if the answer is larger than the limit, "ETIMEDOUT", "ENOENT" if the device has none of the
--- programs, "ERROR" for all that the program itself says. Redirects are followed, unless there is
--- a body. With curl no header, password or body can be seen in the list of processes; with the
--- others, headers and password can. wget and uclient-fetch do not give the body of an answer that
--- is no success, uclient-fetch no headers; not each wget can do other methods than GET and POST.
---@class neap.http
http = {}

---@class neap.http_options
---@field headers? table<string, string|number>
---@field type? string # the Content-Type of the body; without it text/plain in UTF-8
---@field user? string # for HTTP's basic authentication
---@field password? string
---@field timeout? neap.duration # of the whole: 30s if left out
---@field limit? string|integer # of the answer's body; without it 64KB, into a file 16MB
---@field to? string # a file that the body goes to; it is replaced as a whole, in the end
---@field ca? string # a file with the certificates that are trusted instead of the device's own
---@field check? boolean # false: any status is an answer; true if left out

---@class neap.http_request: neap.http_options
---@field url string
---@field method? string # without it "GET", or "POST" if there is a body
---@field body? string

---@class neap.http_answer
---@field status integer
---@field headers table<string, string> # the names in lower case; what came twice with a comma
---@field body? string # nil if it went to a file

--- Gets what is there.
---@param url string
---@param options? neap.http_options
---@return neap.http_answer
function http.get(url, options) end

--- Sends a body.
---@param url string
---@param body string
---@param options? neap.http_options
---@return neap.http_answer
function http.post(url, body, options) end

--- Any method.
---@param options neap.http_request
---@return neap.http_answer
function http.request(options) end

--- Seconds since 1970, with milliseconds.
---@return number
function now() end

--- Seconds since the device started, with milliseconds; it goes on while the device sleeps.
---@return number
function uptime() end

-- ---------------------------------------------------------------- the rest

--- Lines in the agent's log under the topic "script.NAME"; arguments become text with spaces
--- between. print is log.info, warn is log.warn.
---@class neap.log
log = {}

--- For what needs somebody.
---@param ... any
function log.error(...) end

--- For what is not as it should be.
---@param ... any
function log.warn(...) end

--- For what is good to know.
---@param ... any
function log.info(...) end

--- Shown if the level of the log, or of this topic, is debug.
---@param ... any
function log.debug(...) end

--- The script's parameters: neap.yaml's `params: { NAME: {...} }` over the defaults. What
--- neap.yaml gives and the defaults do not have, or have with another type, is an error of the
--- script's load.
---@generic T: table
---@param defaults T
---@return T
function params(defaults) end

---@class neap.state_options
---@field save? neap.duration # so much may be lost: 10m if left out

--- Keeps values over reload and restart. Each name gets its default or, from then on, what was
--- kept. Numbers, texts, true, false and tables of them, whose keys are texts or 1 to n; 64KB in
--- all for a script. Names are fixed: an unknown one is an error; nil is, too (use false). Written
--- to the state folder when something has changed, at most each 10m, and when the script ends: a
--- loss of power, or kill -9, costs what changed since. kept:save() writes at once and waits; it
--- wears the flash.
---@generic T: table
---@param defaults T
---@param options? neap.state_options
---@return T|neap.kept
function state(defaults, options) end

---@class neap.kept
local kept_methods = {}

--- Writes the state now, and waits until it is safe.
function kept_methods:save() end

--- The agent that runs the script.
---@class neap.agent
agent = {}

--- How it is: link, policies, tasks, scripts, usage, as `neap status --json` says it, in a table of
--- docs/status.md's shape. scripts/health.lua reports it. An error where no agent runs: in `neap
--- check`, `neap test` and `neap repl --offline`.
---@return table
function agent.status() end

--- JSON, with the conventions of lua-cjson: cjson.null stands for null, an empty table is {}, a
--- table whose keys are 1 to n is a list. Whole numbers stay whole and exact. Errors are raised.
---@class neap.cjson
---@field null any # what null in JSON is here
cjson = {}

--- The JSON text of a value.
---@param value any
---@return string
function cjson.encode(value) end

--- The value of a JSON text.
---@param text string
---@return any
function cjson.decode(text) end

--- A module from lib/ under the script folder ("vendor.meter" is lib/vendor/meter.lua), or
--- "cjson". Runs once in each script.
---@param name string
---@return any
function require(name) end

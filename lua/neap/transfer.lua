-- transfer(request) -> status, headers, body; or nil, why, CODE: one HTTP exchange, by the program
-- that the device has: curl, OpenWrt's uclient-fetch, or a wget.
--
-- request: url, method, headers (a list of "Name: value"), body or nil, file or nil (where the
-- answer's body goes), limit of that body in bytes, timeout in ms, ca or nil.
local core, import = ...
local environment = import("environment")

if rawget(core, "fake") then
	return function(request)
		return core.fake("http", request)
	end
end

local HEADERS_MAX, MESSAGES_MAX = 65536, 1048576
local REDIRECTS = 5
local SIGXFSZ = 25
local NOT_FOUND = 127 -- the shell's

-- The request's body is the program's standard input, which is a file in memory.
local INPUT = "/proc/self/fd/0"

-- --- curl ---

-- curl reads what it shall do from a descriptor of its own, because arguments are no place for
-- secrets: everybody on the device sees them. The shell takes it from the head of the input.
local CURL = [[
config=
while IFS= read -r line && [ "$line" ]; do
	config="$config$line
"
done
exec curl -q -K /proc/self/fd/3 3<<END
$config
END
]]

local function quoted(text)
	return '"' .. text:gsub('[\\"]', "\\%0") .. '"'
end

local function curl_input(request)
	local lines = {
		"url = " .. quoted(request.url), 'proto = "=http,https"', "globoff", "silent", "show-error",
		"dump-header = -",
		'write-out = "\\n%{http_code} %{size_header}"', 'header = "Expect:"',
	}
	local function add(format, ...)
		lines[#lines + 1] = format:format(...)
	end
	for _, header in ipairs(request.headers) do
		add("header = %s", quoted(header))
	end
	add("output = %s", quoted(request.method == "HEAD" and "/dev/null" or request.file or "-"))
	if request.method == "HEAD" then
		add("head") -- whose output are the headers again
	elseif request.method ~= (request.body and "POST" or "GET") then
		add("request = %s", quoted(request.method))
	end
	if request.body then
		add("data-binary = @-")
	else
		add("location\nmax-redirs = %d", REDIRECTS)
	end
	if request.ca then
		add("cacert = %s", quoted(request.ca))
	end
	return table.concat(lines, "\n") .. "\n\n" .. (request.body or "")
end

-- The last answer's headers: those of the redirects come before them.
local function headers_of(text)
	local headers = {}
	for line in text:gmatch("[^\r\n]+") do
		local name, value = line:match("^%s*([%w-_.]+):%s*(.-)%s*$")
		if line:find("^%s*HTTP/") then
			headers = {}
		elseif name then
			name = name:lower()
			headers[name] = headers[name] and headers[name] .. ", " .. value or value
		end
	end
	return headers
end

local function read_curl(status, out)
	local text, code, length = out:match("^(.*)\n(%d+) (%d+)$")
	if status == 0 and code then
		return tonumber(code), headers_of(text:sub(1, length)), text:sub(length + 1)
	end
end

-- --- the wgets, which have no other way for headers than arguments ---

local function wget_arguments(name, request)
	local args = { name, "-O", request.file or "-" }
	local function add(format, ...)
		args[#args + 1] = format:format(...)
	end
	if name == "wget" then
		add("-S") -- shows the headers
		add("-t1")
	end
	for _, header in ipairs(request.headers) do
		add("--header=%s", header)
	end
	if request.ca then
		add("--ca-certificate=%s", request.ca)
	end
	if request.method == "POST" then
		add("--post-file=%s", INPUT)
	elseif request.method ~= "GET" then
		add("--method=%s", request.method)
		add("--body-file=%s", INPUT)
	end
	add("%s", request.url)
	return args
end

local function read_wget(status, out, err)
	local code
	for number in err:gmatch("HTTP/%S+ (%d%d%d)") do
		code = tonumber(number)
	end
	if code and (status == 0 or code >= 300) then
		return code, headers_of(err), out
	end
end

local function read_uclient(status, out, err)
	local code = status == 0 and "200" or err:match("HTTP error (%d+)")
	if code then
		return tonumber(code), {}, out
	end
end

-- --- both ---

local programs = {
	{ name = "curl", read = read_curl },
	{ name = "uclient-fetch", read = read_uclient },
	{ name = "wget", read = read_wget },
}

local function run(program, request)
	local args, input = wget_arguments(program.name, request), request.body
	if program.name == "curl" then
		args, input = { "/bin/sh", "-c", CURL }, curl_input(request)
	end
	return core.try(core.exec, args, environment(), request.timeout,
		request.file and MESSAGES_MAX or request.limit + HEADERS_MAX, input, nil,
		request.file and request.limit)
end

local function too_large(request)
	return nil, ("is larger than its limit of %d bytes"):format(request.limit), "ENOBUFS"
end

-- What the program says in the end.
local function reason(name, err)
	local line = err:match("curl: %(%d+%) ([^\n]+)") or err:match("([^\n]+)%s*$") or "no word of why"
	return nil, ("%s: %s"):format(name, line:gsub("^wget: ", "")), "ERROR"
end

-- status, headers, body; nil, why, CODE; or nil alone: there is no such program.
local function exchange(program, request)
	local status, signal, out, err = run(program, request)
	if status == NOT_FOUND then
		return nil
	elseif status then
		local code, headers, body = program.read(status, out, err)
		if signal == SIGXFSZ or body and #body > request.limit then
			return too_large(request)
		elseif code then
			return code, headers, body
		end
		return reason(program.name, err)
	end
	local why, code = signal, out -- as try gives them
	if code == "ERROR" then
		error(why, 0) -- wrong use: its text has the script's line
	elseif code == "ENOENT" then
		return nil
	elseif code == "ENOBUFS" then
		return too_large(request)
	elseif code == "ETIMEDOUT" then
		return nil, "took longer than " .. core.duration_text(request.timeout), code
	end
	return nil, why, code
end

return function(request)
	for _, program in ipairs(programs) do
		local code, headers, body = exchange(program, request)
		if code or headers then
			return code, headers, body
		end
	end
	return nil, "this device has none of curl, uclient-fetch and wget", "ENOENT"
end

-- http.get(url, {...}), http.post(url, body, {...}), http.request{url =, method =, ...}
local core, import = ...
local check = import("check")
local transfer = import("transfer")

local kinds = check.kinds("neap.http_options", {
	headers = "table", type = "string", user = "string", password = "string",
	timeout = "duration = 30s", limit = "size", to = "string", ca = "string",
	check = "boolean = true",
})
local request_kinds = check.kinds("neap.http_request", {
	url = "string", method = "string", body = "string",
}, kinds)

local LIMIT, FILE_LIMIT = 65536, 16777216

-- What stands between the two is sent as it is, and must not be able to begin another line.
local function header(what, name, value)
	if type(name) ~= "string" or not name:find("^[%w!#$%%&'*+.^_`|~-]+$") then
		core.fail('%s: headers: "%s" is not the name of a header', what, tostring(name))
	end
	value = check.value(("%s: headers: %s"):format(what, name),
		type(value) == "number" and tostring(value) or value, "string")
	if value == "" or value:find("%c") then
		core.fail("%s: headers: %s must be one line of text", what, name)
	end
	return ("%s: %s"):format(name, value)
end

local digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function base64(text)
	return (text:gsub("..?.?", function(three)
		local a, b, c = three:byte(1, 3)
		local bits, four = a << 16 | (b or 0) << 8 | (c or 0), ""
		for shift = 18, 18 - 6 * #three, -6 do
			local at = (bits >> shift & 63) + 1
			four = four .. digits:sub(at, at)
		end
		return four .. ("="):rep(3 - #three)
	end))
end

local function headers(what, options)
	local list, typed = {}, false
	for name, value in pairs(options.headers or {}) do
		list[#list + 1] = header(what, name, value)
		typed = typed or name:lower() == "content-type"
	end
	if options.type or options.body and not typed then
		list[#list + 1] = header(what, "Content-Type", options.type or "text/plain; charset=utf-8")
	end
	if options.user or options.password then
		list[#list + 1] = "Authorization: Basic " ..
			base64((options.user or "") .. ":" .. (options.password or ""))
	end
	table.sort(list)
	return list
end

-- For messages: without what may be secret.
local function public(url)
	return (url:gsub("//[^/?#]*@", "//"):gsub("[?#].*", ""))
end

local function check_url(what, url)
	if not url or not url:find("^https?://[^/?#]") or url:find("[%s%c]") then
		core.fail('%s: the url must begin with "http://" or "https://" and hold no blanks', what)
	elseif url:find("^https?://[^/?#]*@") then
		core.fail("%s: the url holds a name or a password: use the fields user and password", what)
	end
end

local function request(what, options)
	check_url(what, options.url)
	local method = options.method or options.body and "POST" or "GET"
	if not method:find("^%u+$") then
		core.fail('%s: the method must be a word such as "PUT"', what)
	end
	if method == "POST" and not options.body then
		options.body = ""
	end
	for _, name in ipairs { "to", "ca" } do
		if options[name] and not options[name]:find("^/[^%c]+$") then
			core.fail('%s: %s must be the whole path of a file, from "/" on', what, name)
		end
	end
	local part = options.to and options.to .. ".part"
	local function fail(why, code)
		if part then
			core.try(core.file.remove, part)
		end
		core.raise(("%s: %s: %s"):format(what, public(options.url), why), code)
	end
	local status, fields, body = transfer {
		url = options.url, method = method, headers = headers(what, options), body = options.body,
		file = part, ca = options.ca, timeout = options.timeout,
		limit = options.limit or options.to and FILE_LIMIT or LIMIT,
	}
	if not status then
		fail(fields, body)
	elseif status >= 200 and status < 300 then
		if part then
			core.file.rename(part, options.to)
		end
	elseif options.check then
		fail("the server answers with status " .. status, "HTTP")
	elseif part then
		core.try(core.file.remove, part)
	end
	return { status = status, headers = fields, body = not part and body or nil }
end

local function fields(what, url, options)
	options = check.fields(what, options, kinds)
	options.url = check.argument(what, 1, url, "string")
	return options
end

return check.closed("http", {
	get = function(url, options)
		return request("http.get", fields("http.get", url, options))
	end,
	post = function(url, body, options)
		options = fields("http.post", url, options)
		options.body = check.argument("http.post", 2, body, "string")
		return request("http.post", options)
	end,
	request = function(options)
		return request("http.request", check.fields("http.request", options, request_kinds))
	end,
})

-- The fakes of a test file for files.
local core, import = ...
local check = import("check")
local io = import("test_io")
local fakes, serve, missing, value_of = io.fakes, io.serve, io.missing, io.value_of

local files = {} -- path -> text, false (not there) or a function that gives one of them

local function put(path, content)
	files[path] = content
	core.test.feed("file", path)
end

-- file(path, text): it is there; file(path, false): it is not; file(path, function() ... end);
-- file(path) -> what is in it. A path that ends in "/" is all below that is not named itself.
function fakes.file(path, ...)
	check.argument("test.file", 1, path, "string")
	if select("#", ...) == 0 then
		return value_of(files[path])
	end
	local content = ...
	if type(content) == "number" then
		content = tostring(content)
	end
	if content ~= false and type(content) ~= "function" then
		check.value("test.file: argument 2", content, "string")
	end
	put(path, content)
end

-- The content, or false; `asked`: the function that the script called.
local function content_of(asked, path)
	local content = value_of(files[path])
	local folder = path
	while content == nil and folder ~= "" do
		folder = folder:match("^(.*/)[^/]*$") or ""
		content = value_of(files[folder], path)
		folder = folder:sub(1, -2)
	end
	if content == nil then
		missing(('%s("%s")'):format(asked, path), ('test.file("%s", "text") or test.file("%s", false)')
			:format(path, path))
	end
	return content
end

local function must_be_there(asked, path)
	local content = content_of(asked, path)
	if not content then
		core.raise(("%s: %s: No such file or directory"):format(asked, path), "ENOENT")
	end
	return content
end

serve["file.read"] = function(path)
	return must_be_there("file.read", path)
end

serve["file.exists"] = function(path)
	return content_of("file.exists", path) ~= false
end

serve["file.write"] = function(path, text)
	content_of("file.write", path)
	put(path, text)
end

serve["file.append"] = function(path, text)
	put(path, (content_of("file.append", path) or "") .. text)
end

serve["file.remove"] = function(path)
	must_be_there("file.remove", path)
	put(path, false)
end

serve["file.rename"] = function(from, to)
	put(to, must_be_there("file.rename", from))
	put(from, false)
end

serve["file.stat"] = function(path)
	local content = content_of("file.stat", path)
	return content and { kind = "file", size = #content, time = core.now() } or nil
end

-- What is right in the folder, of the files that are there.
serve["file.list"] = function(path)
	local names, seen = {}, {}
	local folder = path:gsub("/?$", "/")
	for name, content in pairs(files) do
		local inside = content ~= false and name:sub(1, #folder) == folder and
			name:match("^[^/]+", #folder + 1)
		if inside and not seen[inside] then
			seen[inside] = true
			names[#names + 1] = inside
		end
	end
	if #names == 0 then
		content_of("file.list", folder)
	end
	table.sort(names)
	return names
end

return put

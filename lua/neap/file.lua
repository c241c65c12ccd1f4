-- file.read, file.write and the others: they wait, and raise with the file's name and the reason.
local core, import = ...
local check = import("check")

local function reader(name)
	return function(path)
		return core.file[name](check.argument("file." .. name, 1, path, "string"))
	end
end

local function writer(name)
	return function(path, text)
		check.argument("file." .. name, 1, path, "string")
		if type(text) == "number" then
			text = tostring(text)
		end
		return core.file[name](path, check.argument("file." .. name, 2, text, "string"))
	end
end

return check.closed("file", {
	read = reader("read"),
	exists = reader("exists"),
	stat = reader("stat"),
	list = reader("list"),
	remove = reader("remove"),
	write = writer("write"),
	append = writer("append"),
	rename = function(from, to)
		check.argument("file.rename", 1, from, "string")
		core.file.rename(from, check.argument("file.rename", 2, to, "string"))
	end,
	watch = function(path, run, options)
		return import("watch")(path, run, options)
	end,
})

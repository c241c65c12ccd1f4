-- What all fakes of a test file have in common: the way from the scripts, and what nothing stands
-- for, which is an error that says what to fake.
local core, import = ...
local check = import("check")
local io = {
	fakes = {}, -- the functions of the test file, by name
	serve = {}, -- kind -> function(...): what fake.lua asks for
	wanting = {}, -- what was asked for in vain, each once, in order
}

local function want(text)
	if not io.wanting[text] then
		io.wanting[text] = true
		io.wanting[#io.wanting + 1] = text
	end
end

function io.missing(asked, remedy)
	local text = ("%s is not faked: %s"):format(asked, remedy)
	want(text)
	core.raise(text, "NOFAKE")
end

-- A fake that is a function gives what it returns.
function io.value_of(fake, ...)
	if type(fake) == "function" then
		return fake(...)
	end
	return fake
end

-- The one of the list that says most of how the text begins.
function io.best_of(list, text)
	local best
	for _, one in ipairs(list) do
		local begins = one.begins
		if text:sub(1, #begins) == begins and (not best or #begins > #best.begins) then
			best = one
		end
	end
	return best
end

local function answer(call, ok, ...)
	if ok then
		core.test.answer(call, true, ...)
		return
	end
	local why = ...
	local object = type(why) == "table" and why or { message = tostring(why), code = "ERROR" }
	if object.code == "ERROR" then
		want("a fake failed: " .. object.message) -- not what it wanted to say: it broke
	end
	core.test.answer(call, false, object.message, object.code)
end

-- A script asks.
function io.answer(call, kind, ...)
	answer(call, pcall(io.serve[kind] or function()
		io.missing(kind, "there is no fake for it yet")
	end, ...))
end

-- For fakes: fail(text, code) is how a device says no.
function io.fakes.fail(text, code)
	core.raise(check.argument("test.fail", 1, text, "string"), code or "EIO")
end

return io

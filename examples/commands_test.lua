-- What examples/commands.lua does: commands, their parameters and their refusals.
local t = require "test"

t.case("the gate moves, a percent in 10 ms", function()
	t.accepted(t.task.command("gate.move", { to = 40 }))
	t.equal(t.values("gate.position"), { 0, 40 })
	local _, began = t.last("gate.position")
	t.accepted(t.task.command("gate.move", { to = 0, slowly = true }))
	local position, ended = t.last("gate.position")
	t.equal(position, 0)
	t.near(ended - began, 4, 0.001)
end)

t.case("what cannot be is refused", function()
	t.refused(t.task.command("gate.move", { to = 101 }), "above its maximum 100")
	t.refused(t.task.command("gate.move"), "to")
	t.refused(t.task.command("gate.move", { to = 0 }), "it is at 0 % already")
end)

t.case("an old order is not carried out", function()
	t.refused(t.task.command("gate.move", { to = 40 }, { age = "2m" }), "ttl")
	t.equal(t.last("gate.position"), 0)
end)

t.case("looking gives the uptime", function()
	t.advance("90s")
	t.accepted(t.task.command("survey.look"))
	t.equal(t.last("survey.uptime"), 90)
end)

t.case("acknowledged, where the server wants that", { config = "dialect: current" }, function()
	local outcome = t.task.command("gate.move", { to = 1 }, { uid = "a1" })
	t.equal(outcome.ack, '[{"uid":"a1","status":"OK"}]')
end)

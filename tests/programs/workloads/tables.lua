-- SPDX-License-Identifier: Apache-2.0
-- Tables, strings, closures, coroutines and collector modes. Argument: rounds.
local rounds = tonumber(arg[1])
local state = 20240229

local function next_number(limit)
    state = (state * 1103515245 + 12345) % 2147483648
    return (state >> 8) % limit
end

local function grow_tables()
    local total = 0
    for round = 1, rounds do
        local records = {}
        for i = 1, 2000 do
            records[i] = { id = i, name = "record " .. i, list = {} }
            for j = 1, next_number(8) do
                records[i].list[j] = next_number(1000)
            end
        end
        table.sort(records, function(a, b)
            return #a.list > #b.list or (#a.list == #b.list and a.id < b.id)
        end)
        total = total + records[1].id + #records[2000].name + round
    end
    print("tables", total)
end

local function strings()
    local pieces = {}
    for i = 1, rounds * 1000 do
        pieces[#pieces + 1] = string.format("%d:%x", i, next_number(65536))
    end
    local text = table.concat(pieces, ",")
    local changed, count = text:gsub("(%x+),", function(digits) return digits:reverse() .. ";" end)
    local packed = string.pack("<i4s2d", 42, text:sub(1, 500), 1.5)
    print("strings", #text, count, #changed, changed:sub(1, 40), #packed, string.unpack("<i4", packed))
end

local function coroutines()
    local workers = {}
    for i = 1, rounds * 20 do
        workers[i] = coroutine.wrap(function()
            local kept = {}
            for step = 1, 50 do
                kept[step] = string.rep("x", step + i % 7)
                coroutine.yield(#kept[step])
            end
            return 0
        end)
    end
    local sum = 0
    for _ = 1, 50 do
        for _, worker in ipairs(workers) do
            sum = sum + worker()
        end
    end
    print("coroutines", sum)
end

local function weak_tables()
    local cache = setmetatable({}, { __mode = "kv" })
    local finalised = 0
    for i = 1, rounds * 500 do
        cache[i] = setmetatable({ i }, { __gc = function() finalised = finalised + 1 end })
    end
    collectgarbage()
    collectgarbage()
    print("weak", next(cache) == nil, finalised)
end

grow_tables()
collectgarbage("generational")
strings()
coroutines()
collectgarbage("incremental")
weak_tables()

local function depth(n)
    return n == 0 and 0 or 1 + depth(n - 1)
end
print("recursion", depth(150))

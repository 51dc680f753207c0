// SPDX-License-Identifier: Apache-2.0
// A C++ program that is heavy to compile (templates, regex, variants) and allocates when it runs.
#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <iostream>
#include <list>
#include <map>
#include <memory>
#include <new>
#include <numeric>
#include <regex>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

namespace
{

std::uint32_t next_number(std::uint32_t &state)
{
    state = state * 1103515245U + 12345U;
    return state >> 8U;
}

struct alignas(64) Line {
    std::uint64_t words[8] = {};
};

using Value = std::variant<int, double, std::string, std::vector<std::string>>;

std::size_t weight(const Value &value)
{
    struct Weigher {
        std::size_t operator()(int number) const { return static_cast<std::size_t>(number % 7); }
        std::size_t operator()(double number) const { return number > 0.5 ? 1 : 0; }
        std::size_t operator()(const std::string &text) const { return text.size(); }
        std::size_t operator()(const std::vector<std::string> &list) const { return list.size(); }
    };
    return std::visit(Weigher{}, value);
}

Value make_value(std::uint32_t &state)
{
    switch (next_number(state) % 4) {
    case 0:
        return static_cast<int>(next_number(state) % 1000);
    case 1:
        return static_cast<double>(next_number(state) % 100) / 100.0;
    case 2:
        return std::string(next_number(state) % 60, 'q');
    default:
        return std::vector<std::string>(next_number(state) % 5, "granite and basalt and slate");
    }
}

void containers()
{
    std::uint32_t state = 1;
    std::map<std::string, std::vector<Value>> ordered;
    std::unordered_map<std::uint32_t, std::shared_ptr<std::string>> hashed;
    std::set<std::tuple<std::uint32_t, std::string>> tuples;
    std::list<std::unique_ptr<std::deque<int>>> queues;
    for (int i = 0; i < 60000; i++) {
        const std::uint32_t key = next_number(state) % 5000;
        ordered["key " + std::to_string(key)].push_back(make_value(state));
        hashed[key] = std::make_shared<std::string>(key % 50, 'h');
        tuples.emplace(key % 100, std::to_string(key));
        queues.push_back(std::make_unique<std::deque<int>>(key % 30, i));
        if (queues.size() > 200) {
            queues.pop_front();
        }
    }
    std::size_t total = 0;
    for (const auto &[key, values] : ordered) {
        const auto add = [](std::size_t sum, const Value &value) { return sum + weight(value); };
        total += key.size() + std::accumulate(values.begin(), values.end(), std::size_t{0}, add);
    }
    std::cout << "containers " << ordered.size() << ' ' << hashed.size() << ' ' << tuples.size() << ' '
              << total << '\n';
}

void aligned()
{
    std::vector<std::unique_ptr<Line>> lines;
    bool right = true;
    for (int i = 0; i < 5000; i++) {
        lines.push_back(std::make_unique<Line>());
        right = right && reinterpret_cast<std::uintptr_t>(lines.back().get()) % alignof(Line) == 0;
    }
    std::cout << "aligned " << right << '\n';
}

void exceptions()
{
    int caught = 0;
    for (int i = 0; i < 2000; i++) {
        try {
            std::vector<std::string> unwound(static_cast<std::size_t>(i % 10), "text that lives on the heap");
            throw std::runtime_error("thrown " + std::to_string(i));
        } catch (const std::exception &error) {
            caught += error.what()[0] == 't';
        }
    }
    bool refused = false;
    try {
        volatile std::size_t huge = SIZE_MAX / 4;
        delete[] new char[huge];
    } catch (const std::bad_alloc &) {
        refused = true;
    }
    std::cout << "exceptions " << caught << ' ' << refused << '\n';
}

std::size_t words_of(int part)
{
    std::ostringstream page;
    for (int i = 0; i < 2000; i++) {
        page << "word" << (i * part) % 97 << (i % 3 == 0 ? ", " : " ");
    }
    const std::regex pattern("word([0-9]+),");
    const std::string text = page.str();
    return static_cast<std::size_t>(
        std::distance(std::sregex_iterator(text.begin(), text.end(), pattern), std::sregex_iterator()));
}

void threads()
{
    std::vector<std::future<std::size_t>> parts;
    for (int part = 1; part <= 4; part++) {
        parts.push_back(std::async(std::launch::async, words_of, part));
    }
    std::cout << "threads";
    for (auto &part : parts) {
        std::cout << ' ' << part.get();
    }
    std::cout << '\n';
}

} // namespace

int main()
{
    containers();
    aligned();
    exceptions();
    threads();
    return 0;
}

// Request and reply between pairs of nodes on SimGrid: prints messages and wall seconds.
// Build: g++ -O3 -o messages_simgrid messages_simgrid.cpp -lsimgrid; run: messages_simgrid NODES REQUESTS
#include <simgrid/s4u.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace sg = simgrid::s4u;

static const double kBytes = 1000;

// Every node asks every other in turn, and answers whoever asks it.
static void client(int place, int nodes, int requests)
{
  sg::Mailbox* here = sg::Mailbox::by_name("answers-" + std::to_string(place));
  for (int i = 0; i < requests; i++) {
    int target = (place + 1 + i % (nodes - 1)) % nodes;
    sg::Mailbox::by_name("asks-" + std::to_string(target))->put(new int(place), kBytes);
    here->get<void>();
  }
}

static void server(int place)
{
  static int body;
  sg::Mailbox* here = sg::Mailbox::by_name("asks-" + std::to_string(place));
  while (true) {
    int* source = here->get<int>();
    sg::Mailbox::by_name("answers-" + std::to_string(*source))->put_init(&body, kBytes)->detach();
    delete source;
  }
}

int main(int argc, char** argv)
{
  sg::Engine engine(&argc, argv);
  int nodes = atoi(argv[1]), requests = atoi(argv[2]);
  auto* zone = sg::create_star_zone("cluster");
  for (int i = 0; i < nodes; i++) {
    std::string name = "n-" + std::to_string(i);
    auto* host       = zone->create_host(name, 1e9);
    auto* link       = zone->create_split_duplex_link("l-" + std::to_string(i), 1.25e8)->set_latency(0.00025)->seal();
    zone->add_route(host->get_netpoint(), nullptr, nullptr, nullptr, {{link, sg::LinkInRoute::Direction::UP}}, true);
    host->seal();
  }
  zone->seal();
  for (int i = 0; i < nodes; i++) {
    auto* host = sg::Host::by_name("n-" + std::to_string(i));
    sg::Actor::create("client", host, client, i, nodes, requests);
    sg::Actor::create("server", host, server, i)->daemonize();
  }
  auto begin = std::chrono::steady_clock::now();
  engine.run();
  std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
  printf("%d %.6f %.9f\n", 2 * nodes * requests, wall.count(), sg::Engine::get_clock());
}

# A job for Nomad: nomad job run etc/container/web.nomad.hcl
job "web" {
  type = "service"

  group "web" {
    count = 2

    network {
      port "http" { to = 80 }
      port "taskmaster" { to = 9001 }
    }

    service {
      name     = "web"
      port     = "http"
      provider = "nomad"

      # Are all programs as they are wanted? If not, no traffic comes here.
      check {
        type     = "http"
        port     = "taskmaster"
        path     = "/readyz"
        interval = "5s"
        timeout  = "2s"
      }

      # Does the daemon answer? If not, the task is started anew.
      check {
        type     = "http"
        port     = "taskmaster"
        path     = "/healthz"
        interval = "10s"
        timeout  = "2s"

        check_restart {
          limit = 3
          grace = "30s"
        }
      }
    }

    task "web" {
      driver = "docker"

      config {
        image = "web:latest"
        ports = ["http", "taskmaster"]
      }

      # Longer than the longest stoptime.
      kill_timeout = "60s"
      kill_signal  = "SIGTERM"

      resources {
        cpu    = 200
        memory = 128
      }
    }
  }
}

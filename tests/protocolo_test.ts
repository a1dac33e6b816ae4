import { assert, assertEquals } from "@std/assert";
import { argumentosDoServidor, ate, atendendo, Fio, portasLivres, Programa } from "./apoio.ts";
import { outraVersao } from "./apoio/versao.ts";

Deno.test("servidores que falam outro protocolo não entram no grupo, e dizem porquê", async () => {
  await using outra = await outraVersao(
    /^export const PROTOCOLO = \d+;$/m,
    "export const PROTOCOLO = 2;",
  );
  const [a, b, c] = portasLivres(3) as [number, number, number];
  await using lider = new Programa("servidor", argumentosDoServidor(a, a, ["--replicas=1"]));
  await atendendo(`127.0.0.1:${a}`);
  {
    await using seguidor = outra.comecar(argumentosDoServidor(b, a));
    const motivo =
      "JOIN recusado: este servidor fala o protocolo 1 e o outro o 2: ponha os dois na mesma versão";
    await ate(() => seguidor.erros().includes(motivo), "o seguidor dizer porquê");
    assert(!lider.erros.includes("está em dia"));
  }
  // E o contrário: o líder de outro protocolo, e um seguidor deste.
  await using _outro = outra.comecar(argumentosDoServidor(c, c, ["--replicas=1"]));
  await atendendo(`127.0.0.1:${c}`);
  await using seguidor = new Programa("servidor", argumentosDoServidor(b, c));
  await ate(
    () => seguidor.erros.includes("fala o protocolo 2 e o outro o 1"),
    "o seguidor dizê-lo",
  );
});

Deno.test("um JOIN que não diz o protocolo fala o primeiro", async () => {
  const [a] = portasLivres(1) as [number];
  await using _lider = new Programa("servidor", argumentosDoServidor(a, a, ["--replicas=1"]));
  await atendendo(`127.0.0.1:${a}`);
  using ouvinte = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using fio = await Fio.abrir(`127.0.0.1:${a}`);
  await fio.enviar({ tipo: "JOIN", id: 1, endereco: `127.0.0.1:${ouvinte.addr.port}`, token: "t" });
  await using discado = await Fio.aceitar(ouvinte);
  const { tipo, token, protocolo } = await discado.receber();
  assertEquals({ tipo, token, protocolo }, { tipo: "LEADER", token: "t", protocolo: 1 });
});

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { portasLivres } from "./apoio.ts";
import { servidorFalso } from "./apoio/servidor_falso.ts";
import { lerEndereco } from "../lib/endereco.ts";
import { falhaDefinitiva } from "../lib/pedidos.ts";
import { discar } from "../mensagem.ts";

Deno.test("discar() diz quem não atende, e o elo perdido recusa pedidos como definitivos", async () => {
  const [porta] = portasLivres(1);
  const morto = { ip: "127.0.0.1", porta: porta! };
  const erro = await assertRejects(() => discar(morto, 1000), Error);
  assertMatch(erro.message, new RegExp(`^127.0.0.1:${porta}: conexão recusada$`));
  await using servidor = servidorFalso(() => null);
  const perdas: string[] = [];
  const elo = await discar(lerEndereco(servidor.endereco), 1000, {
    aoPerder: (motivo) => perdas.push(motivo),
  });
  const pedido = assertRejects(() => elo.pedir({ tipo: "PULSE" }), Error, "fim");
  elo.fechar("fim");
  elo.fechar("outro fim");
  await pedido;
  assert(falhaDefinitiva(await assertRejects(() => elo.pedir({ tipo: "PULSE" }))));
  assertEquals([perdas, elo.perdido], [["fim"], true]);
});

Deno.test("Elo.vigiar() dá sinal de vida, e fecha a conexão com quem não diz nada", async () => {
  using mudo = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const perda = Promise.withResolvers<string>();
  const elo = await discar({ ip: "127.0.0.1", porta: mudo.addr.port }, 1000, {
    aoPerder: perda.resolve,
  });
  using outroLado = await mudo.accept();
  const pedido = assertRejects(() => elo.pedir({ tipo: "PULSE" }), Error, "não responde");
  elo.vigiar();
  assertEquals(await perda.promise, `${elo.endereco} não responde`);
  await pedido;
  const lidos = new Uint8Array(1024);
  const texto = new TextDecoder().decode(lidos.subarray(0, await outroLado.read(lidos) ?? 0));
  assertMatch(texto, /^\{"tipo":"PULSE","id":1\}\n\{"tipo":"PULSE"\}\n/);
});

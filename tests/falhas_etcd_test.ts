import { assert, assertEquals } from "@std/assert";
import { SEM_ETCD } from "./apoio/etcd.ts";
import { correrSobreEtcd } from "./falhas/sobre_etcd.ts";

Deno.test(
  "sobre o etcd, membros e pontes mortos e pausados: nada confirmado se perde, ninguém volta no tempo, e os PUTs andam com um membro morto",
  { ignore: SEM_ETCD || Deno.build.os === "windows" },
  async () => {
    const semente = Math.floor(Math.random() * 2 ** 32);
    const relatorio = await correrSobreEtcd({ segundos: 9, semente });
    assertEquals(relatorio.quebras, [], `semente ${semente}`);
    assert(relatorio.historia.operacoes.length > 100);
    const mortes = (nome: string) => relatorio.falhas.get(nome) ?? 0;
    if (mortes("mata membro") + mortes("mata líder") >= 2) {
      assert(relatorio.confirmadosSemUm > 0, `semente ${semente}`);
    }
  },
);
